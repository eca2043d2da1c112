/** For tests: a request with everything at rest, and an image resolver that knows a few images and counts what it is asked. */
import { TsbuildError } from "../../base/errors.js";
import { digestOf } from "../../base/digest.js";
import { formatPlatform, parsePlatform, type Platform } from "../../base/platform.js";
import type { ContainerConfig } from "../../image/types.js";
import type { CompiledBuild, CompiledTarget, CompileRequest, ImageResolver } from "./types.js";
import { compile } from "./compile.js";

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const CONFIGS: Readonly<Record<string, ContainerConfig>> = {
  busybox: { Env: [PATH], Cmd: ["sh"] },
  configured: {
    Env: [PATH, "APP_MODE=prod"],
    Entrypoint: ["/entry.sh"],
    Cmd: ["echo"],
    User: "app",
    WorkingDir: "/srv",
    Labels: { keep: "me" },
  },
  onbuild: { Env: [PATH], OnBuild: ["ENV ONBUILT=yes", "RUN echo $ONBUILT", "COPY --from=helper /made /made"] },
  nopath: {},
};

export class FakeImages implements ImageResolver {
  /** `busybox linux/amd64`, in the order of asking. */
  readonly asked: string[] = [];

  resolve(reference: string, platform: Platform): ReturnType<ImageResolver["resolve"]> {
    this.asked.push(`${reference} ${formatPlatform(platform)}`);
    const config = CONFIGS[reference];
    if (config === undefined) return Promise.reject(new TsbuildError("IMAGE_NOT_FOUND", `${reference}: not found`));
    const manifest = digestOf([reference, formatPlatform(platform)]);
    const layer = digestOf([reference, "layer"]);
    const { os, architecture } = platform;
    const image = {
      os,
      architecture,
      created: "2020-01-01T00:00:00Z",
      config,
      rootfs: { type: "layers", diff_ids: [layer] },
      history: [{ created_by: `base ${reference}` }],
    } as const;
    return Promise.resolve({ ref: `docker.io/library/${reference}:latest@${manifest}`, manifest, config: image });
  }
}

export function testRequest(text: string, changes: Partial<CompileRequest> = {}): CompileRequest {
  return {
    dockerfile: { name: "Dockerfile", text },
    platforms: [],
    buildPlatform: parsePlatform("linux/amd64"),
    buildArgs: new Map(),
    labels: new Map(),
    noCache: false,
    noCacheStages: [],
    buildContexts: new Map(),
    network: "default",
    extraHosts: [],
    limits: {},
    allow: new Set(),
    images: new FakeImages(),
    ignorePatterns: () => Promise.resolve(["*.log"]),
    ...changes,
  };
}

export async function compileText(text: string, changes: Partial<CompileRequest> = {}): Promise<CompiledBuild> {
  return await compile(testRequest(text, changes), new AbortController().signal);
}

/** Of a build for one platform. */
export function onlyTarget({ targets }: CompiledBuild): CompiledTarget {
  const [target, ...others] = targets;
  if (target === undefined || others.length > 0) throw new Error(`expected one target, not ${targets.length}`);
  return target;
}
