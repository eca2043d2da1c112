import { TsbuildError } from "../base/errors.js";
import type { Ulimit } from "./types.js";

const FORM = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/;

/** Reads `name=soft[:hard]`; -1 is unlimited. @throws {TsbuildError} ULIMIT_INVALID */
export function parseUlimit(text: string): Ulimit {
  const [, name, soft, hard] = FORM.exec(text) ?? [];
  if (name === undefined || soft === undefined) {
    throw new TsbuildError("ULIMIT_INVALID", `"${text}" is not a ulimit`, { hint: "write NAME=SOFT[:HARD], for example nofile=1024:2048" });
  }
  return { name, soft: Number(soft), hard: Number(hard ?? soft) };
}
