/** What a container's folder says of it: `containers/ID/{state,holds,fs,work,…}`. */
import { readdirSync } from "node:fs";
import { isErrno } from "../../base/errors.js";
import type { Json } from "../../base/digest.js";
import { readRecord, writeRecord } from "../../cache/record-file.js";
import type { Store } from "../../cache/store.js";
import type { Fields } from "../../image/json-fields.js";
import {
  fieldsOf,
  optionalBoolean,
  optionalInteger,
  optionalList,
  optionalObject,
  optionalString,
  optionalStringMap,
  optionalStrings,
  requiredDigest,
  requiredString,
} from "../../image/json-fields.js";
import type { Healthcheck } from "../../image/types.js";
import type { PublishedPort } from "../../executor/network/publish.js";
import type { ContainerConfig, ContainerState, MountRecord } from "./types.js";

const ID = /^[0-9a-f]{64}$/;

/** Replaces what was said before, all or nothing. */
export function writeState(store: Store, state: ContainerState): void {
  writeRecord(store.path("containers", state.id, "state"), stateJson(state), {
    stamp: store.durability.now(),
    temporary: store.temp.name(),
  });
}

/** Undefined when there is no such container, or its state was lost. */
export function readState(store: Store, id: string): ContainerState | undefined {
  return ID.test(id) ? readRecord(store.path("containers", id, "state"), stateFrom)?.value : undefined;
}

/** All containers whose state can be read, the newest first. */
export function listContainers(store: Store): readonly ContainerState[] {
  const states = containerIds(store).flatMap((id) => readState(store, id) ?? []);
  return states.sort((a, b) => b.createdAtMs - a.createdAtMs);
}

function containerIds(store: Store): readonly string[] {
  try {
    return readdirSync(store.path("containers")).filter((name) => ID.test(name));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

function stateJson(state: ContainerState): Json {
  const { config, mounts, ports, ...plain } = state;
  const healthcheck = config.healthcheck === undefined ? undefined : { ...config.healthcheck };
  return {
    ...plain,
    config: { ...config, healthcheck },
    mounts: mounts.map((mount) => ({ ...mount })),
    ports: ports.map((port) => ({ ...port })),
  };
}

function stateFrom(fields: Fields): ContainerState {
  return {
    id: requiredString(fields, "id"),
    name: requiredString(fields, "name"),
    image: requiredString(fields, "image"),
    imageId: requiredDigest(fields, "imageId"),
    config: configFrom(optionalObject(fields, "config") ?? fields),
    mounts: optionalList(fields, "mounts", (value, path) => mountFrom(fieldsOf(value, path))) ?? [],
    anonymousVolumes: optionalStrings(fields, "anonymousVolumes") ?? [],
    networkMode: oneOf(fields, "networkMode", ["bridge", "none", "host"]),
    ip: optionalString(fields, "ip"),
    ports: optionalList(fields, "ports", (value, path) => portFrom(fieldsOf(value, path))) ?? [],
    removesItself: optionalBoolean(fields, "removesItself") ?? false,
    readonlyRootfs: optionalBoolean(fields, "readonlyRootfs") ?? false,
    status: oneOf(fields, "status", ["created", "running", "exited"]),
    exitCode: optionalInteger(fields, "exitCode"),
    isOomKilled: optionalBoolean(fields, "isOomKilled") ?? false,
    error: optionalString(fields, "error"),
    createdAtMs: optionalInteger(fields, "createdAtMs") ?? 0,
    startedAtMs: optionalInteger(fields, "startedAtMs"),
    finishedAtMs: optionalInteger(fields, "finishedAtMs"),
  };
}

function configFrom(fields: Fields): ContainerConfig {
  const health = optionalObject(fields, "healthcheck");
  const stopTimeoutSec = optionalInteger(fields, "stopTimeoutSec");
  return {
    args: optionalStrings(fields, "args") ?? [],
    entrypoint: optionalStrings(fields, "entrypoint") ?? [],
    command: optionalStrings(fields, "command") ?? [],
    env: optionalStrings(fields, "env") ?? [],
    user: requiredString(fields, "user"),
    workdir: requiredString(fields, "workdir"),
    hostname: requiredString(fields, "hostname"),
    labels: optionalStringMap(fields, "labels") ?? {},
    stopSignal: requiredString(fields, "stopSignal"),
    ...(stopTimeoutSec === undefined ? {} : { stopTimeoutSec }),
    terminal: optionalBoolean(fields, "terminal") ?? false,
    isInteractive: optionalBoolean(fields, "isInteractive") ?? false,
    exposedPorts: optionalStrings(fields, "exposedPorts") ?? [],
    ...(health === undefined ? {} : { healthcheck: healthcheckFrom(health) }),
  };
}

function healthcheckFrom(fields: Fields): Healthcheck {
  return {
    Test: optionalStrings(fields, "Test"),
    Interval: optionalInteger(fields, "Interval"),
    Timeout: optionalInteger(fields, "Timeout"),
    StartPeriod: optionalInteger(fields, "StartPeriod"),
    StartInterval: optionalInteger(fields, "StartInterval"),
    Retries: optionalInteger(fields, "Retries"),
  };
}

function mountFrom(fields: Fields): MountRecord {
  return {
    type: oneOf(fields, "type", ["bind", "volume", "tmpfs"]),
    name: optionalString(fields, "name"),
    source: requiredString(fields, "source"),
    target: requiredString(fields, "target"),
    readonly: optionalBoolean(fields, "readonly") ?? false,
  };
}

export function portFrom(fields: Fields): PublishedPort {
  return {
    hostIp: requiredString(fields, "hostIp"),
    hostPort: optionalInteger(fields, "hostPort") ?? 0,
    containerPort: optionalInteger(fields, "containerPort") ?? 0,
    protocol: oneOf(fields, "protocol", ["tcp", "udp"]),
  };
}

function oneOf<T extends string>(fields: Fields, name: string, allowed: readonly T[]): T {
  const text = requiredString(fields, name);
  const found = allowed.find((word) => word === text);
  if (found === undefined) throw new Error(`${name} is ${text}`);
  return found;
}
