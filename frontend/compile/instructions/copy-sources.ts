/** The sources of a COPY or ADD as vertices: a tree, an address to fetch, or an inline file. */
import { posix } from "node:path";
import { isDigest } from "../../../base/digest.js";
import type { Vertex, VertexMeta } from "../../../llb/graph.js";
import type { HttpSource } from "../../../llb/op.js";
import type { Heredoc, Word } from "../../syntax/ast.js";
import { errorAt, locating } from "../dockerfile-error.js";
import type { StageState } from "../stage-state.js";
import type { StepContext } from "../step.js";
import { partMeta } from "../step-meta.js";
import { expanded, expandedDocument } from "../words.js";
import type { CopyCommand } from "./copy-command.js";
import { sourcePath } from "./copy-paths.js";
import { type GitAddress, parseGitAddress, withoutCredentials } from "./git-url.js";
import { documentVertex } from "./inline-document.js";

export interface CopySource {
  readonly vertex: Vertex;
  /** Inside the vertex's tree, absolute. */
  readonly path: string;
  /** In history. */
  readonly shown: string;
  readonly unpack: boolean;
  readonly allowWildcard: boolean;
}

/**
 * In the order in which they are copied: paths and addresses, then inline files.
 * @throws {TsbuildError} DOCKERFILE_SOURCE, DOCKERFILE_CHECKSUM
 */
export function copySources(command: CopyCommand, state: StageState, context: StepContext): CopySource[] {
  const checksum = readChecksum(command, state, context);
  return [
    ...command.sources.map((word, index) => sourceOf({ command, word, index, checksum }, state, context)),
    ...command.documents.map((document, index) => inlineSource(document, index, state, context)),
  ];
}

function readChecksum({ checksum, sources, documents }: CopyCommand, state: StageState, context: StepContext): string | undefined {
  if (checksum === undefined) return undefined;
  const value = expanded(checksum, state, context);
  if (value === "") return undefined;
  if (sources.length + documents.length !== 1)
    throw errorAt(
      context.file,
      checksum.range,
      "DOCKERFILE_CHECKSUM",
      "checksum can't be specified for multiple sources",
      "write one ADD for each source",
    );
  return value;
}

interface SourceParts {
  readonly command: CopyCommand;
  readonly word: Word;
  /** Among the sources, to tell their records apart. */
  readonly index: number;
  readonly checksum: string | undefined;
}

function sourceOf(parts: SourceParts, state: StageState, context: StepContext): CopySource {
  const { command, word, checksum } = parts;
  const shown = expanded(word, state, context);
  const git = locating(context.file, word.range, () => parseGitAddress(shown));
  const isAddress = git !== undefined || /^https?:\/\//.test(shown);
  if (isAddress && command.instruction.keyword === "COPY") {
    throw errorAt(
      context.file,
      word.range,
      "DOCKERFILE_SOURCE",
      `source can't be ${git === undefined ? "a URL" : "a git ref"} for COPY: ${shown}`,
      "use ADD",
    );
  }
  if (git !== undefined) return gitSource(git, shown, parts, state, context);
  if (isAddress) return httpSource(shown, parts, state, context);
  if (checksum !== undefined)
    throw errorAt(context.file, word.range, "DOCKERFILE_CHECKSUM", `checksum requires an HTTP(S) or git source, not the file "${shown}"`);
  return {
    vertex: context.source(command.from),
    path: sourcePath(shown, command.keepParents),
    shown,
    unpack: command.instruction.keyword === "ADD" && (command.unpack ?? true),
    allowWildcard: true,
  };
}

function httpSource(url: string, { command, word, index, checksum }: SourceParts, state: StageState, context: StepContext): CopySource {
  if (checksum !== undefined && !isDigest(checksum)) {
    throw errorAt(
      context.file,
      command.checksum?.range ?? word.range,
      "DOCKERFILE_CHECKSUM",
      `invalid checksum "${checksum}"`,
      "write sha256: and 64 hex digits",
    );
  }
  const filename = fileNameOf(url);
  const op: HttpSource = { kind: "source", type: "http", url, filename, ...(checksum === undefined ? {} : { checksum }) };
  const vertex = context.graph.add(op, [], addressMeta(url, index, state, context));
  return { vertex, path: `/${filename}`, shown: url, unpack: command.unpack ?? false, allowWildcard: false };
}

/** The last part of the address's path, as it stands in it: never what the server says. */
function fileNameOf(url: string): string {
  const path = URL.canParse(url) ? new URL(url).pathname : "";
  const name = posix.basename(decoded(path));
  return name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0") ? "__unnamed__" : name;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function gitSource(
  git: GitAddress,
  shown: string,
  { command, word, index, checksum }: SourceParts,
  state: StageState,
  context: StepContext,
): CopySource {
  if (git.keepGitDir !== undefined && command.keepGitDir !== undefined && git.keepGitDir !== command.keepGitDir) {
    throw errorAt(
      context.file,
      word.range,
      "DOCKERFILE_SOURCE",
      "--keep-git-dir and the keep-git-dir of the address contradict each other",
    );
  }
  if (checksum !== undefined && git.checksum !== undefined && checksum !== git.checksum) {
    throw errorAt(
      context.file,
      word.range,
      "DOCKERFILE_CHECKSUM",
      `--checksum=${checksum} and the address's ${git.checksum} contradict each other`,
    );
  }
  const pinned = checksum ?? git.checksum;
  const vertex = context.graph.add(
    {
      kind: "source",
      type: "git",
      remote: git.remote,
      ...(git.ref === undefined ? {} : { ref: git.ref }),
      ...(git.subdir === undefined ? {} : { subdir: git.subdir }),
      ...(pinned === undefined ? {} : { checksum: pinned }),
      keepGitDir: command.keepGitDir ?? git.keepGitDir ?? false,
    },
    [],
    addressMeta(shown, index, state, context),
  );
  return { vertex, path: "/", shown, unpack: false, allowWildcard: false };
}

function addressMeta(address: string, index: number, state: StageState, context: StepContext): VertexMeta {
  return partMeta(state, context, `fetch ${withoutCredentials(address)}`, `source-${index}`);
}

function inlineSource(heredoc: Heredoc, index: number, state: StageState, context: StepContext): CopySource {
  const content = heredoc.expand ? expandedDocument(heredoc.content, state, context, heredoc.contentRange) : heredoc.content;
  const vertex = documentVertex({ name: heredoc.name, content, mode: "0644", part: `document-${index}` }, state, context);
  return { vertex, path: `/${heredoc.name}`, shown: `<<${heredoc.name}`, unpack: false, allowWildcard: false };
}
