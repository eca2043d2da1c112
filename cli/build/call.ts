/** `--call METHOD[,format=json]`: what is wanted of a Dockerfile. */
import { TsbuildError } from "../../base/errors.js";

export type Call = { readonly method: "build" } | { readonly method: "check"; readonly format: "text" | "json" };

/** `lint` is BuildKit's own word for check. @throws {TsbuildError} USAGE, UNSUPPORTED */
export function parseCall(text: string | undefined, isCheck: boolean): Call {
  const [given = "", ...options] = (text ?? (isCheck ? "check" : "build")).split(",");
  const method = given === "lint" ? "check" : given;
  if (isCheck && method !== "check") throw new TsbuildError("USAGE", `--check and --call ${given} contradict each other`);
  const format = formatOf(options);
  if (method === "check") return { method, format };
  if (method !== "build" && method !== "") throw new TsbuildError("UNSUPPORTED", `--call ${given}: only build and check are supported yet`);
  if (options.length > 0) throw new TsbuildError("USAGE", `--call ${text ?? ""}: build has no format`);
  return { method: "build" };
}

function formatOf(options: readonly string[]): "text" | "json" {
  let format: "text" | "json" = "text";
  for (const option of options) {
    if (option === "format=json") format = "json";
    else if (option === "format=text") format = "text";
    else throw new TsbuildError("USAGE", `--call has no option "${option}"`, { hint: "write format=json or format=text" });
  }
  return format;
}
