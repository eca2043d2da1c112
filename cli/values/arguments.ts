import { TsbuildError } from "../../base/errors.js";

/** For commands that take none. @throws {TsbuildError} USAGE */
export function refuseArguments(command: string, args: readonly string[]): void {
  const [first] = args;
  if (first !== undefined)
    throw new TsbuildError("USAGE", `tsbuild ${command} takes no argument "${first}"`, { hint: `tsbuild ${command} --help` });
}
