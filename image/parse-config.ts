/** The image config file from bytes that nobody vouches for (OCI image-spec config.md, and Docker's additions). */
import { createHash } from "node:crypto";
import { digestFromHex, type Digest } from "../base/digest.js";
import { hostPlatform } from "../base/platform.js";
import {
  asDigest,
  fieldError,
  fieldsOf,
  optionalBoolean,
  optionalInteger,
  optionalKeySet,
  optionalList,
  optionalObject,
  optionalString,
  optionalStringMap,
  optionalStrings,
  type Fields,
} from "./json-fields.js";
import { parseStrictJson } from "./strict-json.js";
import type { ContainerConfig, Healthcheck, HistoryEntry, ImageConfigFile } from "./types.js";

/** The largest image config that is read. */
export const MAX_CONFIG_BYTES: number = 8 * 1024 * 1024;

const WHAT = "image config";

/**
 * Members that are not known are left out, null counts as absent, and a platform that is not said is this machine's (as containerd reads it).
 * Entries of Env without a name and "=" are dropped: they would let the environment of the host in (CVE-2026-57231).
 * @throws {TsbuildError} IMAGE_INVALID that names the field
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfigFile {
  const fields = fieldsOf(parseStrictJson(bytes, { what: WHAT, maxBytes: MAX_CONFIG_BYTES }), WHAT);
  const host = hostPlatform();
  const config = optionalObject(fields, "config");
  return defined<ImageConfigFile>({
    created: optionalString(fields, "created"),
    author: optionalString(fields, "author"),
    architecture: optionalString(fields, "architecture") || host.architecture,
    os: optionalString(fields, "os") || host.os,
    variant: optionalString(fields, "variant") || undefined,
    config: config === undefined ? {} : containerConfigFrom(config),
    rootfs: { type: "layers", diff_ids: diffIdsFrom(fields) },
    history: optionalList(fields, "history", (value, path) => historyFrom(fieldsOf(value, path))) ?? [],
  });
}

/**
 * The identity of each layer together with those below it, bottom first (config.md "Layer ChainID").
 * The last one is the identity of the whole filesystem.
 */
export function chainIds(diffIds: readonly Digest[]): readonly Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : digestFromHex(createHash("sha256").update(`${below} ${diffId}`).digest("hex")));
  }
  return chain;
}

function diffIdsFrom(fields: Fields): readonly Digest[] {
  const rootfs = optionalObject(fields, "rootfs");
  if (rootfs === undefined) throw fieldError(`${WHAT}: rootfs`, "is missing: this is not the config of a container image");
  const type = optionalString(rootfs, "type");
  if (type !== "layers") throw fieldError(`${rootfs.path}.type`, `must be "layers", found ${JSON.stringify(type ?? null)}`);
  return optionalList(rootfs, "diff_ids", asDigest) ?? [];
}

/** Reads the part that a container starts with, from a config file or from elsewhere (`docker commit --change`, bundles). */
export function containerConfigFrom(fields: Fields): ContainerConfig {
  const healthcheck = optionalObject(fields, "Healthcheck");
  return defined<ContainerConfig>({
    User: optionalString(fields, "User"),
    ExposedPorts: optionalKeySet(fields, "ExposedPorts"),
    Env: optionalStrings(fields, "Env")?.filter(isEnvEntry),
    Entrypoint: optionalStrings(fields, "Entrypoint"),
    Cmd: optionalStrings(fields, "Cmd"),
    Volumes: optionalKeySet(fields, "Volumes"),
    WorkingDir: optionalString(fields, "WorkingDir"),
    Labels: optionalStringMap(fields, "Labels"),
    StopSignal: optionalString(fields, "StopSignal"),
    ArgsEscaped: optionalBoolean(fields, "ArgsEscaped"),
    Healthcheck: healthcheck === undefined ? undefined : healthcheckFrom(healthcheck),
    OnBuild: optionalStrings(fields, "OnBuild"),
    Shell: optionalStrings(fields, "Shell"),
  });
}

function isEnvEntry(entry: string): boolean {
  return entry.indexOf("=") > 0 && !entry.includes("\0");
}

function healthcheckFrom(fields: Fields): Healthcheck {
  return defined<Healthcheck>({
    Test: optionalStrings(fields, "Test"),
    Interval: optionalInteger(fields, "Interval"),
    Timeout: optionalInteger(fields, "Timeout"),
    StartPeriod: optionalInteger(fields, "StartPeriod"),
    StartInterval: optionalInteger(fields, "StartInterval"),
    Retries: optionalInteger(fields, "Retries"),
  });
}

function historyFrom(fields: Fields): HistoryEntry {
  return defined<HistoryEntry>({
    created: optionalString(fields, "created"),
    created_by: optionalString(fields, "created_by"),
    author: optionalString(fields, "author"),
    comment: optionalString(fields, "comment"),
    empty_layer: optionalBoolean(fields, "empty_layer"),
  });
}

/** The same object without the members that are undefined, so that equal configs are deeply equal. */
function defined<T extends object>(object: T): T {
  for (const key of Object.keys(object)) {
    const name = key as keyof T;
    if (object[name] === undefined) delete object[name];
  }
  return object;
}
