/** What a stage has become after some of its instructions. Never changed: each instruction returns another one. */
import { TsbuildError } from "../../base/errors.js";
import type { Platform } from "../../base/platform.js";
import type { ContainerConfig, HistoryEntry, ImageConfigFile } from "../../image/types.js";
import type { Vertex } from "../../llb/graph.js";
import type { Environment } from "../expand/expand.js";
import { GrowingList } from "./growing-list.js";
import { Variables } from "./variables.js";

/** PATH of an image that says none: Docker's default for Linux. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A few short lines of `EXPOSE 1-65535` must not fill the memory. */
const LONGEST_HISTORY = 1 << 24;

/** They speak to the builder, and no step sees them. */
const ABOUT_SCANS: ReadonlySet<string> = new Set(["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"]);

const HISTORY_COMMENT = "buildkit.dockerfile.v0";

export interface StageState {
  /** The files; unset: none yet. */
  readonly root: Vertex | undefined;
  /** Without `history`, and in `config` without what many instructions may add to: `finishedImage` puts that in. */
  readonly image: Omit<ImageConfigFile, "history">;
  readonly history: GrowingList<HistoryEntry>;
  /** UTF-16 units in the history that this file adds. */
  readonly historyLength: number;
  /** The image's variables, in the order of its config. */
  readonly env: Variables;
  /** What `$NAME` means here: ENVs and ARGs, the last that was said of a name. */
  readonly visible: Variables;
  readonly labels: Variables;
  /** `80/tcp` and the like: names only, as are those of `volumes`. */
  readonly ports: Variables;
  readonly volumes: Variables;
  readonly triggers: GrowingList<string>;
  /** ARGs declared in this stage and in the stages it stands on, with the value of the last declaration; empty: it has none. */
  readonly args: Variables;
  /** True once this stage has a CMD of its own: ENTRYPOINT then leaves it alone. */
  readonly hasOwnCmd: boolean;
  /** Numbered steps so far, FROM included. */
  readonly stepsDone: number;
}

export interface DeclaredArg {
  readonly name: string;
  /** Unset: declared without a value and given none. */
  readonly value: string | undefined;
}

/** `FROM scratch`: no files, PATH, and `/` to work in. */
export function scratchState(platform: Platform): StageState {
  return stateOfImage(undefined, {
    ...platform,
    config: { WorkingDir: "/" },
    rootfs: { type: "layers", diff_ids: [] },
    history: [],
  });
}

/** A stage right behind a FROM that names an image. */
export function stateOfImage(root: Vertex | undefined, image: ImageConfigFile): StageState {
  const own = Variables.of((image.config.Env ?? []).map(splitVariable));
  const env = own.get("PATH") === undefined ? own.with([["PATH", DEFAULT_PATH]]) : own;
  return {
    root,
    image: inheritedPart(image),
    history: GrowingList.of(image.history),
    historyLength: 0,
    env,
    visible: Variables.of(env.toMap()),
    labels: Variables.of(Object.entries(image.config.Labels ?? {})),
    ports: namesOnly(Object.keys(image.config.ExposedPorts ?? {})),
    volumes: namesOnly(Object.keys(image.config.Volumes ?? {})),
    triggers: GrowingList.of(image.config.OnBuild ?? []),
    args: Variables.of([]),
    hasOwnCmd: false,
    stepsDone: 0,
  };
}

/**
 * A stage right behind a FROM that names an earlier stage: all but what belonged to that stage alone. Its ARGs are
 * still visible, but where the image has a variable of the name that counts again.
 */
export function childState(parent: StageState): StageState {
  return { ...parent, visible: parent.visible.with([...parent.env.toMap()]), hasOwnCmd: false, stepsDone: 0 };
}

/** Only the fields that images share: base images carry leftovers of the container they were committed from. */
function inheritedPart(image: ImageConfigFile): StageState["image"] {
  const { author, architecture, os, variant, config, rootfs } = image;
  return {
    ...(author === undefined ? {} : { author }),
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    config: inheritedConfig(config),
    rootfs,
  };
}

function inheritedConfig(config: ContainerConfig): ContainerConfig {
  const { User, Entrypoint, Cmd, WorkingDir, StopSignal, ArgsEscaped, Healthcheck, Shell } = config;
  return defined({ User, Entrypoint, Cmd, WorkingDir, StopSignal, ArgsEscaped, Healthcheck, Shell });
}

/** Without the members that say nothing: those that Docker's JSON leaves out when they are empty. */
function defined(config: ContainerConfig): ContainerConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => !isEmpty(value)));
}

/** Null is what Go writes for an empty list where it does write one. */
function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

type OwnConfig = Omit<ContainerConfig, "Env" | "Labels" | "ExposedPorts" | "Volumes" | "OnBuild">;

/** Members set to undefined are taken away. */
export function withConfig(state: StageState, changes: Partial<OwnConfig>): StageState {
  return { ...state, image: { ...state.image, config: defined({ ...state.image.config, ...changes }) } };
}

/**
 * Adds a history entry. `hasLayer` says that the files above are a layer of their own.
 * @throws {TsbuildError} DOCKERFILE_HISTORY_TOO_LONG
 */
export function withHistory(state: StageState, createdBy: string, { hasLayer }: { readonly hasLayer: boolean }): StageState {
  const historyLength = state.historyLength + createdBy.length;
  if (historyLength > LONGEST_HISTORY) throw tooLong();
  const entry: HistoryEntry = { created_by: createdBy, comment: HISTORY_COMMENT, ...(hasLayer ? {} : { empty_layer: true }) };
  return { ...state, history: state.history.append([entry]), historyLength };
}

function tooLong(): TsbuildError {
  return new TsbuildError("DOCKERFILE_HISTORY_TOO_LONG", `the image's history would be longer than ${LONGEST_HISTORY} characters`, {
    hint: "long arguments stand in the history of every RUN below them, and EXPOSE lists every port of a range",
  });
}

export function withPorts(state: StageState, ports: readonly string[]): StageState {
  return { ...state, ports: withNames(state.ports, ports) };
}

export function withVolumes(state: StageState, paths: readonly string[]): StageState {
  return { ...state, volumes: withNames(state.volumes, paths) };
}

function withNames(set: Variables, names: readonly string[]): Variables {
  return set.with(names.filter((name) => set.get(name) === undefined).map((name) => [name, ""]));
}

function namesOnly(names: readonly string[]): Variables {
  return withNames(Variables.of([]), names);
}

/** Sets variables of the image; those known keep their place. */
export function withEnv(state: StageState, pairs: readonly (readonly [name: string, value: string])[]): StageState {
  return { ...state, env: state.env.with(pairs), visible: state.visible.with(pairs) };
}

/** Declares a build argument. A variable of the image always hides it; without a value it changes nothing. */
export function withArg(state: StageState, { name, value }: DeclaredArg): StageState {
  const isHidden = value === undefined || ABOUT_SCANS.has(name) || state.env.get(name) !== undefined;
  const visible = isHidden ? state.visible : state.visible.with([[name, value]]);
  return { ...state, args: state.args.with([[name, value ?? ""]]), visible };
}

/**
 * The image config of a stage, all its parts in. The order of its keys depends on nothing but the keys, so that
 * equal images are equal bytes.
 */
export function finishedImage(state: StageState): ImageConfigFile {
  const { User, Entrypoint, Cmd, WorkingDir, StopSignal, ArgsEscaped, Healthcheck, Shell } = state.image.config;
  const config = defined({
    User,
    ExposedPorts: asObject(state.ports, () => ({})),
    Env: inOrder(state.env),
    Entrypoint,
    Cmd,
    Healthcheck,
    ArgsEscaped,
    Volumes: asObject(state.volumes, () => ({})),
    WorkingDir,
    Labels: asObject(state.labels, (value) => value),
    StopSignal,
    OnBuild: state.triggers.toArray(),
    Shell,
  });
  return { ...state.image, config, history: state.history.toArray() };
}

function inOrder(env: Variables): string[] {
  return [...env.toMap()].map(([name, value]) => `${name}=${value}`);
}

/** Sorted by name; unset when there is none. */
function asObject<T>(variables: Variables, toMember: (value: string) => T): Record<string, T> | undefined {
  const members = [...variables.toMap()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]): [string, T] => [name, toMember(value)]);
  return members.length === 0 ? undefined : Object.fromEntries(members);
}

/** For expansion: what `$NAME` means here. */
export function environmentOf({ visible }: StageState): Environment {
  return { get: (name) => visible.get(name), keys: () => visible.toMap().keys() };
}

/** ARGs that have a value and that no ENV hides. */
export function visibleArgs({ args, visible, env }: StageState): [name: string, value: string][] {
  const found: [name: string, value: string][] = [];
  for (const name of args.toMap().keys()) {
    const value = visible.get(name);
    if (value !== undefined && value !== env.get(name)) found.push([name, value]);
  }
  return found;
}

/** Absolute; `/` where the image says nothing. */
export function workingDir(state: StageState): string {
  const dir = state.image.config.WorkingDir;
  return dir === undefined || dir === "" ? "/" : dir;
}

/** What stands in front of a command in shell form. */
export function shellOf(state: StageState): readonly string[] {
  const shell = state.image.config.Shell;
  return shell === undefined || shell.length === 0 ? ["/bin/sh", "-c"] : shell;
}

/** What the image says it runs on. */
export function platformOf(state: StageState): Platform {
  const { os, architecture, variant } = state.image;
  return variant === undefined ? { os, architecture } : { os, architecture, variant };
}

function splitVariable(text: string): [name: string, value: string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
