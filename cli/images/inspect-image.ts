/** An image as `docker inspect` shows it. Pure. */
import { type Digest, digestHex } from "../../base/digest.js";
import type { ContainerConfig, Healthcheck } from "../../image/types.js";
import { familiarName } from "../../image/reference.js";
import type { StoredImage } from "../../worker/store-commands/catalog.js";
import { NIL_LIST, NIL_MAP } from "../values/go-values.js";

export interface InspectFacts {
  readonly bytes: number;
  /** Folders of the layers on disk, bottom first; none while they aren't unpacked. */
  readonly directories: readonly string[];
}

/** Field names and their order are Docker's. */
export function inspectedImage({ id, tags, digests, record, config }: StoredImage, { bytes, directories }: InspectFacts): object {
  return {
    Id: id,
    RepoTags: tags.map(familiarName),
    RepoDigests: digests.map((name) => familiarName({ ...name, tag: undefined })),
    Parent: "",
    Comment: config.history.at(-1)?.comment ?? "",
    Created: config.created ?? "",
    DockerVersion: "",
    Author: config.author ?? "",
    Config: inspectedConfig(config.config),
    Architecture: config.architecture,
    Variant: config.variant,
    Os: config.os,
    Size: bytes,
    GraphDriver: { Data: graphData(id, directories), Name: "overlay2" },
    RootFS: { Type: config.rootfs.type, Layers: config.rootfs.diff_ids.length === 0 ? undefined : config.rootfs.diff_ids },
    Metadata: { LastTagTime: new Date(record.createdAtMs).toISOString() },
  };
}

function graphData(id: Digest, directories: readonly string[]): ReadonlyMap<string, string> {
  const [top, ...below] = directories.toReversed();
  if (top === undefined) return new Map([["Image", digestHex(id)]]);
  return new Map([...(below.length === 0 ? [] : [["LowerDir", below.join(":")] as const]), ["UpperDir", top]]);
}

/** Also of a container, which adds what the user asked for. */
export function inspectedConfig(config: ContainerConfig): object {
  return {
    Hostname: "",
    Domainname: "",
    User: config.User ?? "",
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ExposedPorts: keySet(config.ExposedPorts) ?? undefined,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: config.Env ?? NIL_LIST,
    Cmd: config.Cmd ?? NIL_LIST,
    Healthcheck: config.Healthcheck === undefined ? undefined : inspectedHealthcheck(config.Healthcheck),
    ArgsEscaped: config.ArgsEscaped,
    Image: "",
    Volumes: keySet(config.Volumes) ?? NIL_MAP,
    WorkingDir: config.WorkingDir ?? "",
    Entrypoint: config.Entrypoint ?? NIL_LIST,
    OnBuild: config.OnBuild ?? NIL_LIST,
    Labels: config.Labels === undefined ? NIL_MAP : new Map(Object.entries(config.Labels)),
    StopSignal: config.StopSignal,
    Shell: config.Shell,
  };
}

function keySet(set: Readonly<Record<string, object>> | undefined): ReadonlyMap<string, object> | undefined {
  return set === undefined ? undefined : new Map(Object.keys(set).map((key) => [key, {}]));
}

function inspectedHealthcheck({ Test, Interval, Timeout, StartPeriod, StartInterval, Retries }: Healthcheck): object {
  return { Test: Test ?? NIL_LIST, Interval, Timeout, StartPeriod, StartInterval, Retries };
}
