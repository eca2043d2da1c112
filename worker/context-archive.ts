/** A build context that came as one file: a tar with a Dockerfile in it, compressed or not, or a lone Dockerfile. */
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { TsbuildError } from "../base/errors.js";
import type { SourceFile } from "../base/source.js";
import { DEFAULT_UNPACK_LIMITS, ExpansionMeter } from "../image/layer/limits.js";
import { type TarEntry, type TarHandler, TarReader } from "../image/layer/tar-reader.js";
import { compressionOf, openTar } from "./files/archive-stream.js";

export interface ContextFile {
  readonly dockerfile: SourceFile;
  /** False: there is nothing to copy from. */
  readonly isArchive: boolean;
}

/** In this order. */
const DEFAULT_NAMES = ["Dockerfile", "dockerfile", "Containerfile"] as const;
const MAX_DOCKERFILE_BYTES = 16 * 2 ** 20;
const MAX_LINKS = 8;

/**
 * Reads the Dockerfile: in an archive the one at `given`, or the first default name. Nothing is unpacked.
 * @param path of the file @param shown what messages call it
 * @throws {TsbuildError} CONTEXT_INVALID, DOCKERFILE_MISSING, DOCKERFILE_UNREADABLE
 */
export async function readContextFile(path: string, shown: string, given: string | undefined): Promise<ContextFile> {
  const fd = openSync(path, "r");
  try {
    const found = await findInArchive(fd, shown, given === undefined ? DEFAULT_NAMES : [inside(given)]);
    if (found !== undefined) return { dockerfile: found, isArchive: true };
    if (given !== undefined) throw invalid(shown, `is no archive, so that there is no ${given} in it`);
    return { dockerfile: { name: DEFAULT_NAMES[0], text: loneText(fd, path, shown) }, isArchive: false };
  } finally {
    closeSync(fd);
  }
}

/** Undefined: it is no archive. A link leads to another entry, never out of the archive. */
async function findInArchive(fd: number, shown: string, names: readonly string[]): Promise<SourceFile | undefined> {
  let wanted = names;
  let name: string | undefined;
  for (let links = 0; links <= MAX_LINKS; links++) {
    const entries = await collect(fd, shown, wanted);
    if (entries === undefined) return undefined;
    const chosen = wanted.find((candidate) => entries.has(candidate));
    const found = chosen === undefined ? undefined : entries.get(chosen);
    if (found === undefined)
      throw new TsbuildError("DOCKERFILE_MISSING", `the build context ${shown} has no ${name ?? names[0] ?? ""} in it`, {
        hint: "say with -f where in the archive it is",
      });
    // what links lead to is still called by the name it was asked by
    name ??= chosen;
    if (found.type === "file") return { name: name ?? "", text: decoded(found.content, shown) };
    wanted = [found.target];
  }
  throw new TsbuildError("DOCKERFILE_UNREADABLE", `the Dockerfile in ${shown} is a link that leads to more than ${MAX_LINKS} others`);
}

type Found = { readonly type: "file"; readonly content: Buffer } | { readonly type: "link"; readonly target: string };

/** One pass: of several entries of a name the last counts, as when they are unpacked. */
async function collect(fd: number, shown: string, names: readonly string[]): Promise<ReadonlyMap<string, Found> | undefined> {
  const collector = new EntryCollector(new Set(names), shown);
  try {
    await using tar = await openTar(fd);
    if (tar === undefined) return undefined;
    const reader = new TarReader(collector, DEFAULT_UNPACK_LIMITS);
    const meter = new ExpansionMeter(DEFAULT_UNPACK_LIMITS, fstatSync(fd).size);
    for await (const chunk of tar.chunks) {
      meter.add(chunk.length);
      reader.push(chunk);
    }
    reader.end();
    return collector.found;
  } catch (error) {
    if (error instanceof TsbuildError && !error.code.startsWith("LAYER_")) throw error;
    const reason = error instanceof Error ? error.message.replace(/^the layer is corrupt: |^the layer /, "") : String(error);
    throw invalid(shown, `is no archive that can be read: ${reason}`);
  }
}

class EntryCollector implements TarHandler {
  readonly found = new Map<string, Found>();
  readonly #names: ReadonlySet<string>;
  readonly #shown: string;
  #open: { readonly name: string; readonly chunks: Buffer[] } | undefined;

  constructor(names: ReadonlySet<string>, shown: string) {
    this.#names = names;
    this.#shown = shown;
  }

  entry({ name, type, linkName, size }: TarEntry): void {
    const path = inside(name);
    if (!this.#names.has(path)) return;
    this.found.delete(path);
    if (type === "hardlink") this.found.set(path, { type: "link", target: inside(linkName) });
    if (type === "symlink")
      this.found.set(path, { type: "link", target: inside(posix.join(linkName.startsWith("/") ? "/" : posix.dirname(path), linkName)) });
    if (type !== "file") return;
    if (size > MAX_DOCKERFILE_BYTES) throw tooLarge(`${path} in ${this.#shown}`, size);
    this.#open = { name: path, chunks: [] };
  }

  data(bytes: Buffer): void {
    this.#open?.chunks.push(Buffer.from(bytes));
  }

  entryEnd(): void {
    if (this.#open === undefined) return;
    const { name, chunks } = this.#open;
    this.found.set(name, { type: "file", content: Buffer.concat(chunks) });
    this.#open = undefined;
  }
}

/** Relative to the archive's root, which `..` does not leave. */
function inside(name: string): string {
  return posix.resolve("/", name).slice(1);
}

/** A broken archive is never taken for a Dockerfile. */
function loneText(fd: number, path: string, shown: string): string {
  const { size } = fstatSync(fd);
  if (size > MAX_DOCKERFILE_BYTES) throw tooLarge(`${shown}, which is no archive,`, size);
  const bytes = readFileSync(path);
  if (bytes.length === 0) throw invalid(shown, "is empty");
  if (compressionOf(bytes) !== "none") throw invalid(shown, "is compressed, but not an archive");
  return decoded(bytes, shown);
}

function decoded(bytes: Buffer, shown: string): string {
  if (bytes.includes(0)) throw invalid(shown, "holds neither an archive nor the text of a Dockerfile");
  return bytes.toString("utf8");
}

function invalid(shown: string, problem: string): TsbuildError {
  return new TsbuildError("CONTEXT_INVALID", `the build context ${shown} ${problem}`, {
    hint: "give a tar, plain or compressed, with the Dockerfile in it, or a Dockerfile alone",
  });
}

function tooLarge(what: string, size: number): TsbuildError {
  return new TsbuildError("DOCKERFILE_UNREADABLE", `${what} has ${size} bytes; a Dockerfile has at most ${MAX_DOCKERFILE_BYTES}`);
}
