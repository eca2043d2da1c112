/** Arguments that are known above the first FROM: the predefined ones, and those declared there. */
import { formatPlatform, type Platform } from "../../base/platform.js";
import type { KeyValueInstruction } from "../syntax/ast.js";
import type { Environment } from "../expand/expand.js";
import { expand } from "../expand/expand.js";
import { locating } from "./dockerfile-error.js";
import type { Origin } from "./step.js";

const PROXY_NAMES = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/** Names that mean something to the builder itself: giving them is never a mistake. */
export function isPredefined(name: string): boolean {
  return (
    PROXY_NAMES.includes(name.toUpperCase()) ||
    /^(?:BUILDKIT_|SOURCE_DATE_EPOCH$)|^(?:TARGET|BUILD)(?:PLATFORM|OS|OSVERSION|ARCH|VARIANT)$|^TARGETSTAGE$/.test(name)
  );
}

/** TARGETPLATFORM and its kin: they have a value without anybody giving them one. */
export function isPlatformArg(name: string): boolean {
  return /^(?:TARGET|BUILD)(?:PLATFORM|OS|OSVERSION|ARCH|VARIANT)$|^TARGETSTAGE$/.test(name);
}

/** Proxy variables in both spellings, since programs read one or the other. A spelling that was given wins. */
export function proxyVariables(buildArgs: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const name of PROXY_NAMES) {
    const lower = name.toLowerCase();
    const value = buildArgs.get(name) ?? buildArgs.get(lower);
    if (value === undefined) continue;
    variables.set(name, value);
    variables.set(lower, buildArgs.get(lower) ?? value);
  }
  return variables;
}

export interface PlatformArgs {
  readonly target: Platform;
  readonly build: Platform;
  readonly targetStage: string;
}

/** TARGETPLATFORM and its kin. Visible in FROM; in a stage only where ARG names them. */
export function platformArgs(
  { target, build, targetStage }: PlatformArgs,
  buildArgs: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const values = new Map([...describe("TARGET", target), ...describe("BUILD", build), ["TARGETSTAGE", targetStage]]);
  for (const name of values.keys()) values.set(name, buildArgs.get(name) ?? values.get(name) ?? "");
  return values;
}

function describe(prefix: string, platform: Platform): [name: string, value: string][] {
  return [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, ""],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ""],
  ];
}

/** Adds the ARGs above the first FROM, in order: what the caller gives, else the default with the earlier ones put in. */
export function withGlobalArgs(
  known: ReadonlyMap<string, string>,
  declared: readonly KeyValueInstruction[],
  buildArgs: ReadonlyMap<string, string>,
  origin: Origin,
): ReadonlyMap<string, string> {
  const values = new Map(known);
  for (const { key, value } of declared.flatMap(({ pairs }) => pairs)) {
    const given = buildArgs.get(key.value);
    if (given !== undefined) values.set(key.value, given);
    else if (value !== undefined) {
      const { file, escape } = origin;
      values.set(
        key.value,
        locating(file, value.range, () => expand(value.value, environmentOfMap(values), { escape }).value),
      );
    }
  }
  return values;
}

/** Variables for expansion out of a plain map. */
export function environmentOfMap(values: ReadonlyMap<string, string>): Environment {
  return { get: (name) => values.get(name), keys: () => values.keys() };
}
