import type { CopyAction, FileOp, Owner } from "../../../llb/op.js";
import type { Vertex } from "../../../llb/graph.js";
import type { CopyInstruction } from "../../syntax/ast.js";
import { locating } from "../dockerfile-error.js";
import { type StageState, withHistory, workingDir } from "../stage-state.js";
import type { Origin, Reference, Step, StepContext } from "../step.js";
import { partMeta, stepMeta } from "../step-meta.js";
import { expanded, shownInstruction } from "../words.js";
import { checkMode } from "./chmod.js";
import { type CopyCommand, readCopyCommand } from "./copy-command.js";
import { destinationPath } from "./copy-paths.js";
import { type CopySource, copySources } from "./copy-sources.js";
import { parseOwner, requireNumbers } from "./owner.js";

/** `COPY` and `ADD`: one vertex that changes files, or with --link one of its own that is laid over the stage. */
export function readCopy(instruction: CopyInstruction, origin: Origin): Step {
  const command = readCopyCommand(instruction, origin);
  return {
    instruction,
    isCounted: true,
    references: referencesOf(command),
    apply: (state, context) => applyCopy(command, state, context),
  };
}

/** None where all sources are addresses or inline files. */
function referencesOf({ sources, from }: CopyCommand): Reference[] {
  return from.type === "context" && sources.every(({ value }) => /^https?:\/\//.test(value)) ? [] : [from];
}

function applyCopy(command: CopyCommand, state: StageState, context: StepContext): StageState {
  const chosen = chooseOptions(command, state, context);
  const sources = copySources(command, state, context);
  const root = isLinked(command, chosen)
    ? addLinked(command, chosen, sources, state, context)
    : addInPlace(command, chosen, sources, state, context);
  return withHistory({ ...state, root, stepsDone: state.stepsDone + 1 }, `${historyText(command, chosen, sources)} # buildkit`, {
    hasLayer: true,
  });
}

/** The flags with their variables put in. */
interface Options {
  readonly chown: string | undefined;
  readonly mode: string | undefined;
  readonly excludes: readonly string[];
  readonly destination: string;
}

function chooseOptions(command: CopyCommand, state: StageState, context: StepContext): Options {
  const { chown, chmod } = command;
  const mode = chmod === undefined ? undefined : expanded(chmod, state, context);
  if (chmod !== undefined && mode !== undefined && mode !== "") locating(context.file, chmod.range, () => checkMode(mode));
  return {
    chown: chown === undefined ? undefined : emptyIsUnset(expanded(chown, state, context)),
    mode: emptyIsUnset(mode),
    excludes: command.excludes.map((word) => expanded(word, state, context)),
    destination: expanded(command.destination, state, context),
  };
}

function emptyIsUnset(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function addInPlace(
  command: CopyCommand,
  options: Options,
  sources: readonly CopySource[],
  state: StageState,
  context: StepContext,
): Vertex {
  const base = state.root === undefined ? [] : [state.root];
  return addFileOp({ command, options, sources, base, follow: true }, state, context);
}

/** With a mode of its own the copy is an ordinary one, as BuildKit has it. */
function isLinked({ isLinked: isAsked }: CopyCommand, { mode }: Options): boolean {
  return isAsked && mode === undefined;
}

/** The copy alone, then a merge that lays it over what the stage has. Both are one step and one layer. */
function addLinked(
  command: CopyCommand,
  options: Options,
  sources: readonly CopySource[],
  state: StageState,
  context: StepContext,
): Vertex {
  const copied = addFileOp({ command, options, sources, base: [], follow: false }, state, context);
  if (state.root === undefined) return copied;
  const { name } = context.graph.meta(copied);
  const meta = { ...partMeta(state, context, "", "link"), name: name.replace("] ", "] LINK ") };
  return context.graph.add({ kind: "merge" }, [state.root, copied], meta);
}

interface FileOpParts {
  readonly command: CopyCommand;
  readonly options: Options;
  readonly sources: readonly CopySource[];
  /** What is changed, if anything. */
  readonly base: readonly Vertex[];
  readonly follow: boolean;
}

function addFileOp({ command, options, sources, base, follow }: FileOpParts, state: StageState, context: StepContext): Vertex {
  const owner = ownerOf(command, options, base.length > 0, context);
  const hasSeveral = sources.length > 1;
  const destination = destinationPath(options.destination, workingDir(state), hasSeveral);
  const inputs = [...base];
  const actions = groupByVertex(sources).map((group): CopyAction => {
    const known = inputs.indexOf(group.vertex, base.length);
    const input = known >= 0 ? known : inputs.push(group.vertex) - 1;
    return {
      type: "copy",
      input,
      sources: group.paths,
      destination,
      contentsOnly: true,
      allowWildcard: group.allowWildcard,
      allowEmptyWildcard: group.allowWildcard,
      unpack: group.unpack,
      ...(owner === undefined ? {} : { owner }),
      ...(options.mode === undefined ? {} : { mode: options.mode }),
      keepParents: command.keepParents && group.allowWildcard,
      excludes: options.excludes,
      followDestinationLinks: follow,
    };
  });
  const op: FileOp = { kind: "file", base: base.length > 0, actions };
  return context.graph.add(op, inputs, stepMeta(state, context, shownInstruction(command.instruction.original, state, context)));
}

/** Neighbouring paths of one tree are one action. */
function groupByVertex(sources: readonly CopySource[]): (Omit<CopySource, "path" | "shown"> & { readonly paths: readonly string[] })[] {
  const groups: { vertex: Vertex; paths: string[]; unpack: boolean; allowWildcard: boolean }[] = [];
  for (const { vertex, path, unpack, allowWildcard } of sources) {
    const last = groups.at(-1);
    if (last !== undefined && last.vertex === vertex && last.unpack === unpack) last.paths.push(path);
    else groups.push({ vertex, paths: [path], unpack, allowWildcard });
  }
  return groups;
}

function ownerOf({ chown, isLinked }: CopyCommand, options: Options, hasBase: boolean, { file }: StepContext): Owner | undefined {
  if (chown === undefined || options.chown === undefined) return undefined;
  const owner = parseOwner(options.chown);
  if (!hasBase) {
    const why = isLinked ? "COPY --link looks at no base image" : "the image has no files to look it up in";
    locating(file, chown.range, () => requireNumbers(owner, why));
  }
  return owner;
}

/** As BuildKit writes it: --link, --exclude and --from are left out. */
function historyText(
  { instruction, keepParents }: CopyCommand,
  { chown, mode, destination }: Options,
  sources: readonly CopySource[],
): string {
  return [
    instruction.keyword,
    ...(keepParents ? ["--parents"] : []),
    ...(chown === undefined ? [] : [`--chown=${chown}`]),
    ...(mode === undefined ? [] : [`--chmod=${mode}`]),
    ...sources.map(({ shown }) => shown),
    destination,
  ].join(" ");
}
