/** What a stage has become after some of its instructions. Never changed: each instruction returns another one. */
import type { Platform } from "../../base/platform.js";
import type { ContainerConfig, HistoryEntry, ImageConfigFile } from "../../image/types.js";
import type { Vertex } from "../../llb/graph.js";
import type { Environment } from "../expand/expand.js";
import { GrowingList } from "./growing-list.js";
import { Variables } from "./variables.js";

/** PATH of an image that says none: Docker's default for Linux. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const HISTORY_COMMENT = "buildkit.dockerfile.v0";

export interface StageState {
  /** The files; unset: none yet. */
  readonly root: Vertex | undefined;
  /** Without `history`, and in `config` without Env and Labels: `finishedImage` puts them in. */
  readonly image: Omit<ImageConfigFile, "history">;
  readonly history: GrowingList<HistoryEntry>;
  /** The image's variables, in the order of its config. */
  readonly env: Variables;
  readonly labels: Variables;
  /** ARGs declared in this stage and in the stages it stands on, in order; a name may come twice. */
  readonly args: GrowingList<DeclaredArg>;
  /** Those of them that have a value. */
  readonly argValues: Variables;
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
  const env = Variables.of((image.config.Env ?? []).map(splitVariable));
  return {
    root,
    image: inheritedPart(image),
    history: GrowingList.of(image.history),
    env: env.get("PATH") === undefined ? env.with([["PATH", DEFAULT_PATH]]) : env,
    labels: Variables.of(Object.entries(image.config.Labels ?? {})),
    args: GrowingList.of([]),
    argValues: Variables.of([]),
    hasOwnCmd: false,
    stepsDone: 0,
  };
}

/** A stage right behind a FROM that names an earlier stage: all but what belonged to that stage alone. */
export function childState(parent: StageState): StageState {
  return { ...parent, hasOwnCmd: false, stepsDone: 0 };
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
  const { User, ExposedPorts, Entrypoint, Cmd, Volumes, WorkingDir, StopSignal, ArgsEscaped, Healthcheck, OnBuild, Shell } = config;
  return defined({ User, ExposedPorts, Entrypoint, Cmd, Volumes, WorkingDir, StopSignal, ArgsEscaped, Healthcheck, OnBuild, Shell });
}

/** Without the members that say nothing: undefined, and null as Go writes it for an empty list. */
function defined(config: ContainerConfig): ContainerConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined && value !== null));
}

/** Members set to undefined are taken away. */
export function withConfig(state: StageState, changes: Partial<Omit<ContainerConfig, "Env" | "Labels">>): StageState {
  return { ...state, image: { ...state.image, config: defined({ ...state.image.config, ...changes }) } };
}

/** Adds a history entry. `hasLayer` says that the files above are a layer of their own. */
export function withHistory(state: StageState, createdBy: string, { hasLayer }: { readonly hasLayer: boolean }): StageState {
  const entry: HistoryEntry = { created_by: createdBy, comment: HISTORY_COMMENT, ...(hasLayer ? {} : { empty_layer: true }) };
  return { ...state, history: state.history.append(entry) };
}

/** Sets variables of the image; those known keep their place. */
export function withEnv(state: StageState, pairs: readonly (readonly [name: string, value: string])[]): StageState {
  return { ...state, env: state.env.with(pairs) };
}

/** Declares build arguments. A value given before stays where one is declared again without. */
export function withArgs(state: StageState, declared: readonly DeclaredArg[]): StageState {
  const valued = declared.flatMap(({ name, value }): [string, string][] => (value === undefined ? [] : [[name, value]]));
  return { ...state, args: state.args.append(...declared), argValues: state.argValues.with(valued) };
}

/**
 * The image config of a stage, all its parts in. The order of its keys depends on nothing but the keys, so that
 * equal images are equal bytes.
 */
export function finishedImage(state: StageState): ImageConfigFile {
  const labels = state.labels.toMap();
  const Env = [...state.env.toMap()].map(([name, value]) => `${name}=${value}`);
  const Labels = labels.size === 0 ? undefined : sortedByKey(Object.fromEntries(labels));
  const { User, ExposedPorts, Entrypoint, Cmd, Volumes, WorkingDir, StopSignal, ArgsEscaped, Healthcheck, OnBuild, Shell } = state.image.config;
  const config = defined({
    User, ExposedPorts: ExposedPorts && sortedByKey(ExposedPorts), Env, Entrypoint, Cmd, Healthcheck, ArgsEscaped, Volumes: Volumes && sortedByKey(Volumes), WorkingDir, Labels,
    StopSignal, OnBuild, Shell,
  });
  return { ...state.image, config, history: state.history.toArray() };
}

function sortedByKey<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What `$NAME` means here: ENV first, then ARG. */
export function environmentOf(state: StageState): Environment {
  return {
    get: (name) => state.env.get(name) ?? state.argValues.get(name),
    keys: () => [...state.env.toMap().keys(), ...state.argValues.toMap().keys()],
  };
}

/** ARGs that have a value and no ENV of their name over them: the last declaration counts. */
export function visibleArgs(state: StageState): ReadonlyMap<string, string> {
  const visible = state.argValues.toMap();
  for (const name of visible.keys()) if (state.env.get(name) !== undefined) visible.delete(name);
  return visible;
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
