/** Bytes of configs, manifests and indexes: keys in order, no blanks, so that equal values have equal digests. */
import { canonicalJson, type Json } from "../base/digest.js";
import type { ContainerConfig, Descriptor, ImageConfigFile, Index, Manifest } from "./types.js";

export function encodeConfig(config: ImageConfigFile): Buffer {
  const { created, author, architecture, os, variant, rootfs, history } = config;
  return encode({
    created,
    author,
    architecture,
    os,
    variant,
    config: containerConfig(config.config),
    rootfs: { type: rootfs.type, diff_ids: rootfs.diff_ids },
    history: history.map(({ created, created_by, author, comment, empty_layer }) => ({
      created,
      created_by,
      author,
      comment,
      empty_layer,
    })),
  });
}

export function encodeManifest(manifest: Manifest): Buffer {
  const { schemaVersion, mediaType, config, layers, annotations } = manifest;
  return encode({ schemaVersion, mediaType, config: descriptorJson(config), layers: layers.map(descriptorJson), annotations });
}

export function encodeIndex(index: Index): Buffer {
  const { schemaVersion, mediaType, manifests, annotations } = index;
  return encode({ schemaVersion, mediaType, manifests: manifests.map(descriptorJson), annotations });
}

/** A descriptor as JSON, known members only. */
export function descriptorJson({ mediaType, digest, size, platform, annotations }: Descriptor): Json {
  return {
    mediaType,
    digest,
    size,
    annotations,
    platform: platform === undefined ? undefined : { os: platform.os, architecture: platform.architecture, variant: platform.variant },
  };
}

/** The config of a container as JSON, known members only, in Docker's spelling. */
export function containerConfig(config: ContainerConfig): Json {
  const { Healthcheck: health } = config;
  return {
    User: config.User,
    ExposedPorts: keySet(config.ExposedPorts),
    Env: config.Env,
    Entrypoint: config.Entrypoint,
    Cmd: config.Cmd,
    Volumes: keySet(config.Volumes),
    WorkingDir: config.WorkingDir,
    Labels: config.Labels,
    StopSignal: config.StopSignal,
    ArgsEscaped: config.ArgsEscaped,
    Healthcheck:
      health === undefined
        ? undefined
        : {
            Test: health.Test,
            Interval: health.Interval,
            Timeout: health.Timeout,
            StartPeriod: health.StartPeriod,
            StartInterval: health.StartInterval,
            Retries: health.Retries,
          },
    OnBuild: config.OnBuild,
    Shell: config.Shell,
  };
}

function keySet(set: Readonly<Record<string, object>> | undefined): Json | undefined {
  return set === undefined ? undefined : Object.fromEntries(Object.keys(set).map((key) => [key, {}]));
}

function encode(value: Json): Buffer {
  return Buffer.from(canonicalJson(value));
}
