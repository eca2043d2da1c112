// Makes V8's code caches of the bundle: what was compiled after some typical work, so that a start finds the functions
// it calls and little else. A cache is for one Node only; the bundle works without, but starts slower.
//   node bin/code-cache.mjs        makes them anew for the Node that runs this
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { writeSampleContext } from "./sample-context.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const run = promisify(execFile);

/** `names`: bodies of the bundle. Works as any user; only as root the main program is seen at a cached build. */
export async function writeCodeCaches(bundle, names) {
  const scratch = mkdtempSync(join(tmpdir(), "code-cache-"));
  const { NODE_EXTRA_CA_CERTS: _unused, NODE_OPTIONS: _flags, ...rest } = process.env;
  const env = { ...rest, TSBUILD_ROOT: join(scratch, "store"), TSBUILD_PRIVATE_MOUNTS: "1" };
  try {
    const build = ["build", "-t", "sample", writeSampleContext(join(scratch, "context"))];
    const canBuild =
      process.getuid?.() === 0 &&
      (await succeeds("unshare", ["--mount", "--propagation", "slave", "--", process.execPath, join(bundle, "main.js"), ...build], env));
    const work = { main: [["version"], ...(canBuild ? [build, build] : [["build", "--help"]])] };
    for (const name of names)
      await run(process.execPath, [join(here, "warm.cjs"), bundle, name, JSON.stringify(work[name] ?? [])], { env });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function succeeds(command, args, env) {
  try {
    await run(command, args, { env });
    return true;
  } catch {
    return false;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeCodeCaches(join(here, "../dist/bundle"), ["main", "thread", "grammar", "piscina", "tar-stream", "undici"]);
}
