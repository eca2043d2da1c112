import { TsbuildError } from "../../base/errors.js";
import type { CompileRequest } from "./types.js";

/**
 * The time of a reproducible build, in seconds since 1970: of the request, else of the argument SOURCE_DATE_EPOCH,
 * given or declared with a default above the first FROM.
 * @throws {TsbuildError} SOURCE_DATE_EPOCH_INVALID
 */
export function buildEpoch(
  { sourceDateEpoch, buildArgs }: Pick<CompileRequest, "sourceDateEpoch" | "buildArgs">,
  globalArgs: ReadonlyMap<string, string>,
): number | undefined {
  if (sourceDateEpoch !== undefined) return sourceDateEpoch;
  const text = buildArgs.get("SOURCE_DATE_EPOCH") ?? globalArgs.get("SOURCE_DATE_EPOCH");
  if (text === undefined || text === "") return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(seconds)) return seconds;
  throw new TsbuildError("SOURCE_DATE_EPOCH_INVALID", `invalid SOURCE_DATE_EPOCH: ${text}`, {
    hint: "give the seconds since 1970 as a number",
  });
}
