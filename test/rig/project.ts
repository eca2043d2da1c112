/** Where the project lies, seen from the compiled tests. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

export function projectRoot(): string {
  let path = import.meta.dirname;
  while (!existsSync(join(path, "package.json"))) path = dirname(path);
  return path;
}

/** The launcher that is tested: `bin/tsbuild`, or the one that TSBUILD_TEST_LAUNCHER names. */
export function launcherPath(): string {
  return process.env["TSBUILD_TEST_LAUNCHER"] ?? join(projectRoot(), "bin/tsbuild");
}
