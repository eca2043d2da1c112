/** The checksum of what an op reads of its inputs, as named parts of its key. */
import { readFileSync } from "node:fs";
import type { Digest } from "../base/digest.js";
import { encodePath } from "../base/path-bytes.js";
import type { Chain, KeyPart } from "../cache/types.js";
import { decodeFileList, joinFileLists } from "../image/layer/file-list.js";
import type { FileList } from "../image/types.js";
import type { Vertex } from "../llb/graph.js";
import type { CopyAction, ExecOp, FileOp, LocalSource } from "../llb/op.js";
import type { Result } from "../solver/types.js";
import { loadKernel } from "../sys/kernel.js";
import type { BuildEnvironment } from "./environment.js";
import { type ChecksumOptions, type SelectionChecksum, fileHasher, selectionChecksum } from "./files/checksum.js";
import type { ExpectedSelection } from "./files/copy.js";
import { isAbsoluteMode } from "./files/mode.js";
import { type CopySources, selectSources } from "./files/select.js";
import type { Selected } from "./files/selected.js";
import { openContextView } from "./files/view.js";
import { ListView } from "./list-view.js";

interface Reading {
  readonly input: number;
  readonly sources: CopySources;
  readonly options: ChecksumOptions;
  /** Of a file op. */
  readonly action?: number | undefined;
}

export async function checksumInputs(
  env: BuildEnvironment,
  vertex: Vertex,
  inputs: ReadonlyMap<number, Result>,
  signal: AbortSignal,
): Promise<readonly KeyPart[]> {
  const parts: KeyPart[] = [];
  const promised: (ExpectedSelection | undefined)[] = [];
  for (const reading of readingsOf(vertex)) {
    const source = vertex.inputs[reading.input]?.op;
    const result = inputs.get(reading.input);
    let sum: NamedChecksum | undefined;
    if (source?.kind === "source" && source.type === "local") {
      sum = await checksumContext(env, source, reading, signal);
      if (reading.action !== undefined) promised[reading.action] = { ...reading.options, digest: sum.digest };
    } else if (result !== undefined) sum = await checksumLayers(env, result.chain, reading, signal);
    if (sum !== undefined) parts.push(...sum.parts);
  }
  env.contexts.promise(vertex.digest, promised);
  return parts;
}

function readingsOf(vertex: Vertex): readonly Reading[] {
  const { op } = vertex;
  if (op.kind === "file") return copyReadings(vertex, op);
  return op.kind === "exec" ? mountReadings(vertex, op) : [];
}

function copyReadings(vertex: Vertex, op: FileOp): readonly Reading[] {
  return op.actions.flatMap((action, index): Reading[] => {
    if (action.type !== "copy") return [];
    const isLocal = !isStage(vertex, action.input);
    return [{ input: action.input, sources: action, options: optionsOf(action, isLocal), action: index }];
  });
}

/** False for a build context, whose files belong to nobody. */
function isStage(vertex: Vertex, input: number): boolean {
  const op = vertex.inputs[input]?.op;
  return op?.kind !== "source" || op.type !== "local";
}

function optionsOf(action: CopyAction, isLocal: boolean): ChecksumOptions {
  return {
    owner: !isLocal && action.owner === undefined,
    mode: action.mode === undefined || !isAbsoluteMode(action.mode),
    contentsOnly: action.contentsOnly,
  };
}

/** A bind mount shows its source as it is. */
function mountReadings(vertex: Vertex, op: ExecOp): readonly Reading[] {
  return op.mounts.flatMap((mount): Reading[] => {
    if (mount.type !== "bind" || mount.input === 0) return [];
    const sources: CopySources = {
      sources: [mount.source],
      allowWildcard: false,
      allowEmptyWildcard: false,
      contentsOnly: true,
      keepParents: false,
      excludes: [],
    };
    return [{ input: mount.input, sources, options: { owner: isStage(vertex, mount.input), mode: true, contentsOnly: true } }];
  });
}

async function checksumContext(env: BuildEnvironment, source: LocalSource, reading: Reading, signal: AbortSignal): Promise<NamedChecksum> {
  const dir = env.contexts.folder(source.name);
  const memo = await env.contexts.memo(source.name);
  using view = openContextView(loadKernel(), dir, source.exclude);
  const selected = selectSources(view, reading.sources);
  await hashUnknown(env, dir, selected, { memo, signal });
  const sum = await selectionChecksum(selected, reading.options, fileHasher(view, { memo, signal }), signal);
  return named(selected, sum, reading.options);
}

/** Below this much, reading here is sooner done than asking threads. */
const WORTH_THREADS_BYTES = 4 * 1024 * 1024;
const BATCH_BYTES = 4 * 1024 * 1024;
const BATCH_FILES = 512;

/** Files that the memo doesn't know are hashed in threads, side by side. */
async function hashUnknown(
  env: BuildEnvironment,
  dir: string,
  selected: readonly Selected[],
  { memo, signal }: { memo: Awaited<ReturnType<BuildEnvironment["contexts"]["memo"]>>; signal: AbortSignal },
): Promise<void> {
  const unknown = selected.filter(
    ({ path, entry }) => entry.type === "file" && entry.stat !== undefined && memo.get(path, entry.stat) === undefined,
  );
  if (unknown.reduce((sum, { entry }) => sum + entry.size, 0) < WORTH_THREADS_BYTES) return;
  const plain = unknown.filter(({ path }) => typeof encodePath(path) === "string");
  await Promise.all(
    batches(plain).map(async (batch) => {
      const hashed = await env.pools.run(
        { type: "hash-files", root: dir, files: batch.map(({ path, entry }) => ({ path, size: entry.size })) },
        { signal },
      );
      hashed.forEach(({ digest }, index) => {
        const one = batch[index];
        if (digest !== undefined && one?.entry.stat !== undefined) memo.set(one.path, one.entry.stat, digest);
      });
    }),
  );
}

function batches(files: readonly Selected[]): Selected[][] {
  const made: Selected[][] = [];
  let bytes = 0;
  for (const file of files) {
    const current = made.at(-1);
    if (current === undefined || current.length >= BATCH_FILES || bytes >= BATCH_BYTES) {
      made.push([file]);
      bytes = 0;
    } else current.push(file);
    bytes += file.entry.size;
  }
  return made;
}

async function checksumLayers(env: BuildEnvironment, chain: Chain, reading: Reading, signal: AbortSignal): Promise<NamedChecksum> {
  const view = new ListView(joinFileLists(fileLists(env, chain)), "the stage or image it copies from");
  const selected = selectSources(view, reading.sources);
  const sum = await selectionChecksum(selected, reading.options, fileHasher(view), signal);
  return named(selected, sum, reading.options);
}

function fileLists(env: BuildEnvironment, chain: Chain): FileList[] {
  return chain.map((name) => decodeFileList(readFileSync(env.store.snapshots.listPath(name))));
}

interface NamedChecksum {
  readonly digest: Digest;
  readonly parts: readonly KeyPart[];
}

/** The whole as one part, and each file as one of its own: the whole is what counts, the files explain, by their paths in the source. */
function named(selected: readonly Selected[], { parts, digest }: SelectionChecksum, { contentsOnly }: ChecksumOptions): NamedChecksum {
  const told = selected.filter(({ relative, entry }) => !(contentsOnly && relative === "" && entry.type === "dir"));
  const files = parts.map(({ value }, index): KeyPart => ({ name: `file ${told[index]?.path ?? ""}`, value, isDetail: true }));
  return { digest, parts: [...files, { name: "content", value: digest }] };
}
