import type { Vertex } from "../../../llb/graph.js";
import type { ExecMount, ExecOp } from "../../../llb/op.js";
import type { CommandInstruction, Word } from "../../syntax/ast.js";
import { errorAt, locating } from "../dockerfile-error.js";
import { emptyTree } from "../empty-tree.js";
import { keptByVariables } from "../kept.js";
import { type Flags, readFlags } from "../flags.js";
import { type StageState, withHistory, workingDir } from "../stage-state.js";
import type { Origin, Reference, Step, StepContext } from "../step.js";
import { partMeta, stepMeta } from "../step-meta.js";
import { expanded, shownCommand } from "../words.js";
import { documentVertex } from "./inline-document.js";
import { peekMount, readMountSpec } from "./mount-spec.js";
import { type RunCommand, runCommand, SCRIPT_DIR } from "./run-command.js";
import { type PlacedMount, referenceOf, runMounts } from "./run-mount.js";

const FLAGS = { mount: "list", network: "text", security: "text", device: "list" } as const;
const NETWORKS = ["default", "none", "host"] as const;
const SECURITIES = ["sandbox", "insecure"] as const;

type Network = (typeof NETWORKS)[number];
type Security = (typeof SECURITIES)[number];

interface RunFlags {
  readonly mounts: readonly Word[];
  readonly network: Network;
  readonly security: Security;
}

/** `RUN`: a process in the stage's files; what it changes is a layer. */
export function readRun(instruction: CommandInstruction, origin: Origin): Step {
  const flags = readRunFlags(instruction, origin);
  if (instruction.command.words.every(({ value }) => value.trim() === "")) {
    throw errorAt(origin.file, instruction.range, "DOCKERFILE_ARGUMENTS", "RUN requires at least one argument", "write the command to run");
  }
  return {
    instruction,
    isCounted: true,
    references: flags.mounts.flatMap((word) => mountReference(word, origin)),
    apply: (state, context) => applyRun({ instruction, flags, command: runCommand(instruction, state, origin.file.text) }, state, context),
  };
}

function readRunFlags(instruction: CommandInstruction, origin: Origin): RunFlags {
  const flags = readFlags(instruction, FLAGS, origin);
  const device = flags.list("device")[0];
  if (device !== undefined)
    throw errorAt(
      origin.file,
      device.range,
      "DOCKERFILE_UNSUPPORTED",
      "RUN --device is not supported",
      "there is no access to devices in steps",
    );
  return {
    mounts: flags.list("mount"),
    network: readChoice(flags, "network", { known: NETWORKS, fallback: "default", what: "network mode" }, origin),
    security: readChoice(flags, "security", { known: SECURITIES, fallback: "sandbox", what: "security mode" }, origin),
  };
}

interface Choice<T> {
  readonly known: readonly T[];
  readonly fallback: T;
  readonly what: string;
}

function readChoice<T extends string>(flags: Flags, name: string, { known, fallback, what }: Choice<T>, { file }: Origin): T {
  const word = flags.text(name);
  if (word === undefined) return fallback;
  const found = known.find((candidate) => candidate === word.value);
  if (found === undefined)
    throw errorAt(file, word.range, "DOCKERFILE_FLAG_VALUE", `invalid ${what} "${word.value}"`, `known are ${known.join(", ")}`);
  return found;
}

/** Mounts without variables are checked now, also in stages that nobody needs. */
function mountReference(word: Word, { file }: Origin): Reference[] {
  const reference = locating(file, word.range, () => {
    if (!word.value.includes("$"))
      return referenceOf(
        readMountSpec(word.value, (value) => value),
        word,
      );
    return referenceOf(peekMount(word.value), word);
  });
  return reference === undefined ? [] : [reference];
}

interface RunParts {
  readonly instruction: CommandInstruction;
  readonly flags: RunFlags;
  readonly command: RunCommand;
}

function applyRun({ instruction, flags, command }: RunParts, state: StageState, context: StepContext): StageState {
  checkEntitlements(instruction, flags, context);
  const placed = flags.mounts.map((word) => placeMount(word, state, context));
  const { mounts, inputs } = runMounts(placed, workingDir(state), context);
  const script =
    command.script === undefined ? undefined : documentVertex({ ...command.script, mode: "0755", part: "script" }, state, context);
  const scriptMount: ExecMount[] =
    script === undefined ? [] : [{ type: "bind", input: inputs.length + 1, target: SCRIPT_DIR, source: "/", writable: false }];
  const op = execOp({ args: command.args, mounts: [...mounts, ...scriptMount], flags }, state, context);
  const secrets = new Set(mounts.flatMap((mount) => (mount.type === "secret" && mount.env !== undefined ? [mount.env] : [])));
  const shown = shownCommand(`${instruction.original}${command.summary}`, state, secrets, context);
  const root = context.graph.add(
    op,
    [rootOf(state, context), ...inputs, ...(script === undefined ? [] : [script])],
    stepMeta(state, context, shown),
  );
  return withHistory({ ...state, root, stepsDone: state.stepsDone + 1 }, `RUN ${historyText(command.args, state)} # buildkit`, {
    hasLayer: true,
  });
}

function placeMount(word: Word, state: StageState, context: StepContext): PlacedMount {
  const expandValue = (value: string): string => expanded({ value, range: word.range }, state, context);
  return { word, spec: locating(context.file, word.range, () => readMountSpec(word.value, expandValue)) };
}

/** What needs leave from the command line. A network mode that was given there has it. */
function checkEntitlements(instruction: CommandInstruction, { network, security }: RunFlags, { file, run }: StepContext): void {
  const asked = [...(network === "host" ? ["network.host"] : []), ...(security === "insecure" ? ["security.insecure"] : [])];
  for (const entitlement of asked) {
    if (run.allow.has(entitlement)) continue;
    throw errorAt(
      file,
      instruction.range,
      "ENTITLEMENT_MISSING",
      `${entitlement} is not allowed`,
      `allow it with --allow ${entitlement} if you trust this Dockerfile`,
    );
  }
}

/** A process needs a root to run in, even an empty one. */
function rootOf(state: StageState, context: StepContext): Vertex {
  return state.root ?? emptyTree(context.graph, partMeta(state, context, "empty root", "root"));
}

interface ExecParts {
  readonly args: readonly string[];
  readonly mounts: readonly ExecMount[];
  readonly flags: RunFlags;
}

function execOp({ args, mounts, flags }: ExecParts, state: StageState, { run }: StepContext): ExecOp {
  const socket = state.visible.get("SSH_AUTH_SOCK") === undefined ? mounts.find(({ type }) => type === "ssh")?.target : undefined;
  return {
    kind: "exec",
    args,
    env: socket === undefined ? state.visible.toList() : [...state.visible.toList(), `SSH_AUTH_SOCK=${socket}`],
    cwd: workingDir(state),
    user: state.image.config.User ?? "",
    network: flags.network === "default" ? run.network : flags.network,
    security: flags.security,
    mounts,
    hostname: run.hostname,
    proxyEnv: proxyEnv(state, run.proxyEnv),
    extraHosts: run.extraHosts,
    limits: run.limits,
  };
}

/** Those that no ARG or ENV names, in either spelling. */
function proxyEnv({ args, env }: StageState, given: ReadonlyMap<string, string>): string[] {
  if (given.size === 0) return [];
  const declared = new Set([...args.toMap().keys()].map((name) => name.toLowerCase()));
  return [...given]
    .filter(([name]) => !declared.has(name.toLowerCase()) && env.get(name) === undefined)
    .map(([name, value]) => `${name}=${value}`);
}

/** `|2 A=1 B=2 /bin/sh -c make`: the declared build arguments with the values that RUN sees, then the command. */
function historyText(args: readonly string[], state: StageState): string {
  return `${declaredArgs(state)}${args.join(" ")}`;
}

const declaredArgs = keptByVariables(({ args, visible }): string => {
  const declared = [...args.toMap()].map(([name, value]) => `${name}=${visible.get(name) ?? value}`);
  return declared.length === 0 ? "" : `${[`|${declared.length}`, ...declared].join(" ")} `;
});
