/** What a Dockerfile offers to whoever builds it: its stages, and what a build of one of them can be given. */
import { formatPlatform } from "../../base/platform.js";
import type { SourceFile, SourceLocation, SourceRange } from "../../base/source.js";
import { Graph, topological, type Vertex } from "../../llb/graph.js";
import type { DockerfileAst, Instruction, KeyValueInstruction } from "../syntax/ast.js";
import { parseDockerfile } from "../syntax/parse.js";
import { type BaseChoice, chooseBase } from "./base-choice.js";
import { type CompileParts, askingOnce, optionsFor, withImages } from "./compile.js";
import { isPlatformArg } from "./global-args.js";
import { StageCompiler } from "./stage-compiler.js";
import { findTarget, readStages, type Stage } from "./stage.js";
import type { StageState } from "./stage-state.js";
import { checkSyntax } from "./syntax-image.js";
import type { CompileRequest } from "./types.js";

/** A stage that can be built. */
export interface DescribedTarget {
  /** Empty: it has none. */
  readonly name: string;
  readonly isDefault: boolean;
  readonly description: string;
  /** As FROM has it, variables put in. */
  readonly base: string;
  /** Of FROM --platform. */
  readonly platform: string | undefined;
  readonly location: SourceLocation;
}

/** What a build of one stage takes. In the order of the file. */
export interface Outline {
  /** Of the stage; empty: it has none. */
  readonly name: string;
  readonly description: string;
  readonly args: readonly OutlinedArg[];
  readonly secrets: readonly OutlinedMount[];
  readonly ssh: readonly OutlinedMount[];
  /** IDs of cache mounts. */
  readonly caches: readonly Omit<OutlinedMount, "isRequired">[];
  readonly file: SourceFile;
}

export interface OutlinedArg {
  readonly name: string;
  readonly description: string;
  /** Unset: it has none. */
  readonly value: string | undefined;
  readonly location: SourceLocation;
}

export interface OutlinedMount {
  readonly id: string;
  readonly isRequired: boolean;
  readonly location: SourceLocation | undefined;
}

/** All stages, in the order of the file. No image is asked for. @throws {TsbuildError} DOCKERFILE_…, TARGET_NOT_FOUND */
export async function describeTargets(request: CompileRequest, signal: AbortSignal): Promise<readonly DescribedTarget[]> {
  return await withParts(request, signal, ({ ast, file, target, ...rest }) => {
    const { globalArgs } = firstOptions({ ast, file, target, ...rest });
    const comments = commentsByLine(ast);
    const describe = (stage: Stage): DescribedTarget => {
      const base: BaseChoice = chooseBase(stage, globalArgs, file);
      const { instruction, stageName = "" } = stage.from;
      return {
        name: stageName,
        isDefault: stage === target,
        description: describedBy(comments, instruction, stageName),
        base: base.name,
        platform: base.platform === undefined ? undefined : formatPlatform(base.platform),
        location: { file: file.file, ranges: [instruction.range] },
      };
    };
    return Promise.resolve(file.stages.map(describe));
  });
}

/** Base images are resolved: what they set may decide which stages are needed. Nothing is built. @throws {TsbuildError} as `compile` */
export async function describeOutline(request: CompileRequest, signal: AbortSignal): Promise<Outline> {
  return await withParts(request, signal, async (parts) => {
    const options = firstOptions(parts);
    const compiler = new StageCompiler(options);
    const { root } = await compiler.compile(parts.target);
    const stages = await Promise.all(
      compiler.traces.map(async ({ stage, steps }) => ({ stage, steps, end: await compiler.compile(stage) })),
    );
    const comments = commentsByLine(parts.ast);
    const { stageName = "", instruction } = parts.target.from;
    const found = [
      ...globalsUsed(
        parts,
        stages.map(({ stage }) => stage),
      ),
      ...stages.flatMap(argsOf),
    ];
    return {
      name: stageName,
      description: describedBy(comments, instruction, stageName),
      args: mergeArgs(found, { comments, globalArgs: options.globalArgs, file: parts.file.file }),
      ...mountsOf(root, options.graph),
      file: parts.file.file,
    };
  });
}

function firstOptions(parts: CompileParts): ReturnType<typeof optionsFor> {
  return optionsFor(parts.request.platforms[0] ?? parts.request.buildPlatform, new Graph(), parts);
}

async function withParts<T>(request: CompileRequest, signal: AbortSignal, work: (parts: CompileParts) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const ast = parseDockerfile(request.dockerfile, request.lineMemo);
  checkSyntax(ast, request.buildArgs);
  const file = readStages(ast);
  const target = findTarget(file, request.target);
  return await withImages(request, signal, (images) => work({ request: askingOnce(request), ast, file, target, images, signal }));
}

interface DeclaredArg {
  readonly name: string;
  readonly instruction: Instruction;
  /** Unset: above the first FROM. */
  readonly after?: StageState | undefined;
}

interface CompiledStage {
  readonly stage: Stage;
  readonly steps: readonly { readonly instruction: Instruction; readonly before: StageState }[];
  readonly end: StageState;
}

function argsOf({ steps, end }: CompiledStage): readonly DeclaredArg[] {
  return steps.flatMap(({ instruction }, index) =>
    instruction.keyword === "ARG"
      ? instruction.pairs.map(({ key }) => ({ name: key.value, instruction, after: steps[index + 1]?.before ?? end }))
      : [],
  );
}

/** Those that a FROM of the stages speaks of or an ARG in them repeats, and those that such a one's default speaks of. */
function globalsUsed({ file }: CompileParts, stages: readonly Stage[]): readonly DeclaredArg[] {
  const repeated = new Set(stages.flatMap(({ steps }) => steps.flatMap(({ instruction }) => namesOf(instruction))));
  const texts = stages.flatMap(({ from }) => [from.base.value, from.platform?.value ?? ""]);
  const used: DeclaredArg[] = [];
  for (const { instruction, pair } of file.globalArgs.flatMap(pairsOf).toReversed()) {
    if (!repeated.has(pair.key.value) && !texts.some((text) => speaksOf(text, pair.key.value))) continue;
    used.unshift({ name: pair.key.value, instruction });
    texts.push(pair.value?.value ?? "");
  }
  return used;
}

function namesOf(instruction: Instruction): readonly string[] {
  return instruction.keyword === "ARG" ? instruction.pairs.map(({ key }) => key.value) : [];
}

function pairsOf(
  instruction: KeyValueInstruction,
): readonly { readonly instruction: Instruction; readonly pair: KeyValueInstruction["pairs"][number] }[] {
  return instruction.pairs.map((pair) => ({ instruction, pair }));
}

function speaksOf(text: string, name: string): boolean {
  for (const [, plain, braced] of text.matchAll(/\$(?:(\w+)|\{(\w+))/g)) if ((plain ?? braced) === name) return true;
  return false;
}

interface ArgFacts {
  readonly comments: ReadonlyMap<number, string>;
  readonly globalArgs: ReadonlyMap<string, string>;
  readonly file: SourceFile;
}

/** Each name once, where it stands first, with the first description and the last value that is said. */
function mergeArgs(found: readonly DeclaredArg[], { comments, globalArgs, file }: ArgFacts): readonly OutlinedArg[] {
  const merged = new Map<string, OutlinedArg>();
  for (const { name, instruction, after } of found.toSorted((a, b) => lineOf(a.instruction.range) - lineOf(b.instruction.range))) {
    if (isPlatformArg(name)) continue;
    const known = merged.get(name);
    const value = after === undefined ? globalArgs.get(name) : after.visible.get(name);
    merged.set(name, {
      name,
      description: (known?.description ?? "") || describedBy(comments, instruction, name),
      value: value ?? known?.value,
      location: known?.location ?? { file, ranges: [instruction.range] },
    });
  }
  return [...merged.values()];
}

function lineOf({ start }: SourceRange): number {
  return start.line;
}

function mountsOf(root: Vertex | undefined, graph: Graph): Pick<Outline, "secrets" | "ssh" | "caches"> {
  const secrets = new Map<string, OutlinedMount>();
  const ssh = new Map<string, OutlinedMount>();
  const caches = new Map<string, Omit<OutlinedMount, "isRequired">>();
  for (const vertex of root === undefined ? [] : topological([root])) {
    if (vertex.op.kind !== "exec") continue;
    const { location } = graph.meta(vertex);
    for (const mount of vertex.op.mounts) {
      if (mount.type === "cache") caches.set(mount.id, caches.get(mount.id) ?? { id: mount.id, location });
      if (mount.type === "secret") note(secrets, mount, location);
      if (mount.type === "ssh") note(ssh, mount, location);
    }
  }
  return { secrets: inOrder(secrets), ssh: inOrder(ssh), caches: inOrder(caches) };
}

/** One that is required somewhere is required. */
function note(
  mounts: Map<string, OutlinedMount>,
  { id, required }: { readonly id: string; readonly required: boolean },
  location: SourceLocation | undefined,
): void {
  const known = mounts.get(id);
  mounts.set(id, { id, isRequired: required || known?.isRequired === true, location: known?.location ?? location });
}

function inOrder<T extends { readonly location: SourceLocation | undefined }>(mounts: ReadonlyMap<string, T>): readonly T[] {
  const line = ({ location }: T): number => location?.ranges[0]?.start.line ?? 0;
  return [...mounts.values()].sort((a, b) => line(a) - line(b));
}

function commentsByLine({ comments }: DockerfileAst): ReadonlyMap<number, string> {
  return new Map(comments.map(({ text, range }) => [range.start.line, text]));
}

/** `# NAME description` among the comment lines right above; empty when there is none. */
function describedBy(comments: ReadonlyMap<number, string>, { range }: Instruction, name: string): string {
  if (name === "") return "";
  let found = "";
  for (let line = range.start.line - 1; comments.has(line); line--) {
    const text = comments.get(line) ?? "";
    if (text.startsWith(`${name} `)) found = text.slice(name.length + 1).trim();
  }
  return found;
}
