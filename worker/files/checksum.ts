/** What a selection of files is, as a digest: the identity of what a COPY reads. */
import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import type { Digest } from "../../base/digest.js";
import { digestFromHex, digestHex } from "../../base/digest.js";
import type { Entry } from "./entry.js";
import { Pace } from "./pace.js";
import { CHUNK_BYTES, readSource } from "./read-file.js";
import type { Selected } from "./selected.js";
import type { SourceView } from "./view.js";

/** Remembers digests of files by their state (cache/stat-cache.ts). `path` is relative to the view. */
export interface DigestMemo {
  get(path: string, stat: BigIntStats): Digest | undefined;
  set(path: string, stat: BigIntStats, digest: Digest): void;
}

export interface ChecksumOptions {
  /** Whether owners count: not for contexts, not with --chown. */
  readonly owner: boolean;
  /** Whether permission bits count: not with an octal --chmod. */
  readonly mode: boolean;
  /** As in the CopyAction: the name and metadata of a source folder itself don't count, only what is in it. */
  readonly contentsOnly: boolean;
}

export interface SelectionChecksum {
  readonly digest: Digest;
  /** One for each file, to explain a miss: its path below the source, and in short what it is. */
  readonly parts: readonly { readonly name: string; readonly value: string }[];
}

export type FileHash = (selected: Selected) => Digest | Promise<Digest>;

/**
 * Counts: paths below the sources, types, permission bits, link targets, which files are hard links of each other, device numbers, xattrs,
 * bytes. Does not count: times, where the source lies, the name of a folder whose content is copied.
 */
export async function selectionChecksum(
  selected: readonly Selected[],
  options: ChecksumOptions,
  hashFile: FileHash,
  signal?: AbortSignal,
): Promise<SelectionChecksum> {
  const checksum = new RunningChecksum(options);
  const pace = new Pace(signal);
  for (const one of selected) {
    const hashed = one.entry.type === "file" ? hashFile(one) : undefined;
    checksum.add(one, hashed instanceof Promise ? await hashed : hashed);
    if (pace.isDue) await pace.rest();
  }
  return checksum.finish();
}

/** The same, fed by a caller that comes by the digests as it goes. */
export class RunningChecksum {
  readonly #options: ChecksumOptions;
  readonly #hash = createHash("sha256");
  readonly #parts: { readonly name: string; readonly value: string }[] = [];
  /** First name of each inode, within one source. */
  #links = new Map<string, string>();

  constructor(options: ChecksumOptions) {
    this.#options = options;
  }

  /** In the order of the selection. */
  add(selected: Selected, digest: Digest | undefined): void {
    const { relative, name, entry } = selected;
    if (relative === "") this.#links = new Map();
    if (relative === "" && entry.type === "dir" && this.#options.contentsOnly) {
      this.#hash.update("[]\n");
      return;
    }
    const facts = this.#facts(entry, digest);
    const link = this.#firstName(entry, relative);
    // JSON keeps names apart that UTF-8 would not (lone surrogates)
    this.#hash.update(`${JSON.stringify([relative === "" ? name : "", relative, selected.implied === true, ...facts, link])}\n`);
    this.#parts.push({ name: relative === "" ? name : relative, value: shortFacts(facts, digest) });
  }

  finish(): SelectionChecksum {
    return { digest: digestFromHex(this.#hash.digest("hex")), parts: this.#parts };
  }

  #facts(entry: Entry, digest: Digest | undefined): readonly (string | number | null)[] {
    const { owner, mode } = this.#options;
    return [
      entry.type,
      mode && entry.type !== "symlink" ? entry.mode.toString(8) : null,
      owner ? `${entry.uid}:${entry.gid}` : null,
      entry.target ?? null,
      entry.devMajor === undefined ? null : `${entry.devMajor}:${entry.devMinor ?? 0}`,
      entry.xattrs === undefined ? null : JSON.stringify(entry.xattrs),
      digest ?? null,
    ];
  }

  #firstName({ linkId }: Entry, relative: string): string | null {
    if (linkId === undefined) return null;
    const first = this.#links.get(linkId);
    if (first === undefined) this.#links.set(linkId, relative);
    return first ?? null;
  }
}

const SHORT_HEX = 12;

function shortFacts(facts: readonly (string | number | null)[], digest: Digest | undefined): string {
  const shown = facts.slice(0, -1).filter((fact) => fact !== null);
  if (digest !== undefined) shown.push(digestHex(digest).slice(0, SHORT_HEX));
  return shown.join(" ");
}

/** Hashes selected files of a view, each at most once per state when there is a memo. */
export function fileHasher(
  view: SourceView,
  { memo, signal }: { readonly memo?: DigestMemo | undefined; readonly signal?: AbortSignal | undefined } = {},
): FileHash {
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  const pace = new Pace(signal);
  const read = async (selected: Selected): Promise<Digest> => {
    const { digest, stat } = await readSource(view, selected, { buffer, pace });
    memo?.set(selected.path, stat, digest);
    return digest;
  };
  return (selected) => {
    const { digest, stat } = selected.entry;
    return digest ?? (stat === undefined ? undefined : memo?.get(selected.path, stat)) ?? read(selected);
  };
}
