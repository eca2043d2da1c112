/** The mounts of a RUN as the op has them, with the vertices they read. */
import { posix } from "node:path";
import type { BindMount, CacheMount, ExecMount, SecretMount, SshMount } from "../../../llb/op.js";
import type { Word } from "../../syntax/ast.js";
import type { Vertex } from "../../../llb/graph.js";
import { errorAt } from "../dockerfile-error.js";
import type { Reference, StepContext } from "../step.js";
import type { MountSpec } from "./mount-spec.js";

export interface PlacedMount {
  readonly spec: MountSpec;
  /** The flag's value. */
  readonly word: Word;
}

export interface RunMounts {
  readonly mounts: readonly ExecMount[];
  /** Behind the root filesystem, in the order in which mounts number them from 1. */
  readonly inputs: readonly Vertex[];
}

/**
 * @param workingDir relative targets are below it
 * @throws {TsbuildError} DOCKERFILE_MOUNT for a target that can't be
 */
export function runMounts(placed: readonly PlacedMount[], workingDir: string, context: StepContext): RunMounts {
  const inputs: Vertex[] = [];
  const addInput = (reference: Reference): number => {
    const vertex = context.source(reference);
    const known = inputs.indexOf(vertex);
    return known >= 0 ? known + 1 : inputs.push(vertex);
  };
  const sshMounts = placed.filter(({ spec }) => spec.type === "ssh");
  const mounts = placed.map(({ spec, word }): ExecMount => {
    const given = spec.target === undefined || spec.target === "" ? undefined : posix.resolve("/", workingDir, spec.target);
    const target = given ?? workingDir;
    switch (spec.type) {
      case "secret":
        return secretMount(spec, given);
      case "ssh":
        return sshMount(spec, given ?? `/run/buildkit/ssh_agent.${sshMounts.findIndex((other) => other.word === word)}`);
      case "tmpfs":
        return {
          type: "tmpfs",
          target: belowRoot(target, word, context),
          ...(spec.sizeBytes === undefined ? {} : { sizeBytes: spec.sizeBytes }),
        };
      case "cache":
        return cacheMount(spec, belowRoot(target, word, context), { word, addInput, namespace: context.run.cacheNamespace });
      case "bind":
        return bindMount(spec, belowRoot(target, word, context), addInput(referenceOf(spec, word) ?? { type: "context" }));
    }
  });
  return { mounts, inputs };
}

/** What a mount reads: nothing, the context, or what `from` names. */
export function referenceOf({ type, from }: Pick<MountSpec, "type" | "from">, { range }: Word): Reference | undefined {
  if (from !== undefined && from !== "") return { type: "from", name: from, range, verb: "mount" };
  return type === "bind" ? { type: "context" } : undefined;
}

/** A mount without a target lies on the working directory. */
function belowRoot(target: string, word: Word, { file }: StepContext): string {
  if (target !== "/") return target;
  throw errorAt(file, word.range, "DOCKERFILE_MOUNT", `invalid mount target "${target}"`, "write target=/path, below the root");
}

function bindMount({ source, readonly }: MountSpec, target: string, input: number): BindMount {
  return { type: "bind", input, target, source: posix.resolve("/", source ?? ""), writable: readonly === false };
}

interface CacheParts {
  readonly word: Word;
  readonly addInput: (reference: Reference) => number;
  readonly namespace: string;
}

function cacheMount(spec: MountSpec, target: string, { word, addInput, namespace }: CacheParts): CacheMount {
  // The target as it is written, not as it lies: a relative one is the same cache in every working directory.
  const id = spec.id === undefined || spec.id === "" ? withoutSlash(posix.normalize(spec.target ?? "")) : spec.id;
  const reference = referenceOf(spec, word);
  return {
    type: "cache",
    target,
    id: namespace === "" ? id : `${namespace}/${id}`,
    sharing: spec.sharing ?? "shared",
    readonly: spec.readonly ?? false,
    ...(reference === undefined ? {} : { from: { input: addInput(reference), source: posix.resolve("/", spec.source ?? "") } }),
    mode: spec.mode ?? 0o755,
    uid: spec.uid ?? 0,
    gid: spec.gid ?? 0,
  };
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** A file, unless only a variable was asked for. */
function secretMount(spec: MountSpec, target: string | undefined): SecretMount {
  const id = spec.id ?? spec.source ?? posix.basename(target ?? "");
  const path = target ?? (spec.env === undefined ? `/run/secrets/${posix.basename(id)}` : undefined);
  return {
    type: "secret",
    id,
    ...(path === undefined ? {} : { target: path }),
    ...(spec.env === undefined ? {} : { env: spec.env }),
    required: spec.isRequired,
    mode: spec.mode ?? 0o400,
    uid: spec.uid ?? 0,
    gid: spec.gid ?? 0,
  };
}

function sshMount(spec: MountSpec, target: string): SshMount {
  const id = spec.id === undefined || spec.id === "" ? "default" : spec.id;
  return { type: "ssh", id, target, required: spec.isRequired, mode: spec.mode ?? 0o600, uid: spec.uid ?? 0, gid: spec.gid ?? 0 };
}
