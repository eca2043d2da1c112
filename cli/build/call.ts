/** `--call METHOD[,format=json]`: what is wanted of a Dockerfile. */
import { TsbuildError } from "../../base/errors.js";

export type Call = { readonly method: "build" } | DescribeCall | CheckCall;

export interface DescribeCall {
  readonly method: "outline" | "targets";
  readonly format: "text" | "json";
}

export interface CheckCall {
  readonly method: "check";
  readonly format: "text" | "json" | "sarif";
  /** What was found is no failure of the command. */
  readonly ignoresStatus: boolean;
}

/** `lint` is BuildKit's own word for check. @throws {TsbuildError} USAGE, UNSUPPORTED */
export function parseCall(text: string | undefined, isCheck: boolean): Call {
  const [given = "", ...options] = (text ?? (isCheck ? "check" : "build")).split(",");
  const method = given === "lint" ? "check" : given;
  if (isCheck && method !== "check") throw new TsbuildError("USAGE", `--check and --call ${given} contradict each other`);
  switch (method) {
    case "":
    case "build":
      if (options.length > 0) throw new TsbuildError("USAGE", `--call ${text ?? ""}: build has no options`);
      return { method: "build" };
    case "check":
      return { method, ...checkOptions(options) };
    case "outline":
    case "targets":
      return { method, format: describeFormat(method, options) };
    default:
      throw new TsbuildError("UNSUPPORTED", `--call ${given}: it is build, check, outline or targets`);
  }
}

function checkOptions(options: readonly string[]): Omit<CheckCall, "method"> {
  let found: Omit<CheckCall, "method"> = { format: "text", ignoresStatus: false };
  for (const option of options) {
    const [name, value] = option.split("=");
    if (name === "format" && (value === "json" || value === "text" || value === "sarif")) found = { ...found, format: value };
    else if (name === "ignorestatus" && (value === undefined || value === "true")) found = { ...found, ignoresStatus: true };
    else if (option !== "ignorestatus=false") throw unknown(option, "write format=text, format=json, format=sarif or ignorestatus=true");
  }
  return found;
}

function describeFormat(method: string, options: readonly string[]): "text" | "json" {
  let format: "text" | "json" = "text";
  for (const option of options) {
    if (option === "format=sarif") throw new TsbuildError("USAGE", `--call ${method} has no format sarif: that is for check`);
    if (option !== "format=json" && option !== "format=text") throw unknown(option, "write format=text or format=json");
    format = option === "format=json" ? "json" : "text";
  }
  return format;
}

function unknown(option: string, hint: string): TsbuildError {
  return new TsbuildError("USAGE", `--call has no option "${option}"`, { hint });
}
