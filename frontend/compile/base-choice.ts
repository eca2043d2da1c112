/** FROM with its variables put in: which stage, image or nothing a stage begins with, and for which platform. */
import { parsePlatform, type Platform } from "../../base/platform.js";
import { errorAt, locating } from "./dockerfile-error.js";
import { TsbuildError } from "../../base/errors.js";
import type { Word } from "../syntax/ast.js";
import { expand } from "../expand/expand.js";
import { environmentOfMap } from "./global-args.js";
import type { Stage } from "./stage.js";
import type { Origin } from "./step.js";

export interface BaseChoice {
  readonly name: string;
  /** Of --platform; unset: the target's. */
  readonly platform: Platform | undefined;
}

/** @throws {TsbuildError} DOCKERFILE_BASE_BLANK, DOCKERFILE_PLATFORM, PLATFORM_INVALID, EXPAND_… */
export function chooseBase({ from }: Stage, globalArgs: ReadonlyMap<string, string>, origin: Origin): BaseChoice {
  const put = ({ value, range }: Word): string =>
    locating(origin.file, range, () => expand(value, environmentOfMap(globalArgs), { escape: origin.escape }).value);
  const name = put(from.base);
  if (name === "")
    throw errorAt(
      origin.file,
      from.base.range,
      "DOCKERFILE_BASE_BLANK",
      `base name (${from.base.value}) should not be blank`,
      "give its ARG a default above the first FROM, or a --build-arg",
    );
  return { name, platform: from.platform === undefined ? undefined : choosePlatform(from.platform, put(from.platform), origin) };
}

function choosePlatform({ value, range }: Word, text: string, { file }: Origin): Platform {
  if (text === "")
    throw errorAt(file, range, "DOCKERFILE_PLATFORM", `empty platform value from expression ${value}`, "give its ARG a value");
  try {
    return parsePlatform(text);
  } catch (error) {
    if (!(error instanceof TsbuildError)) throw error;
    throw errorAt(file, range, error.code, `failed to parse platform ${text}: ${error.message}`, error.hint);
  }
}
