// How long tsbuild takes to start, beside Node itself:
//   node bench/start-up.mjs [--runs 20] [--launcher bin/tsbuild]… [CONTEXT]
// Measures `node -e 0`, `tsbuild version` and, as root, a fully cached `tsbuild build -t … CONTEXT` (a small one of its
// own without CONTEXT). The commands take turns, so that a busy machine is unfair to none. Median and least, in ms.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeSampleContext } from "../bin/sample-context.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: "string", default: "20" }, launcher: { type: "string", multiple: true } },
});
const launchers = values.launcher ?? [join(dirname(fileURLToPath(import.meta.url)), "../bin/tsbuild")];
const scratch = mkdtempSync(join(tmpdir(), "start-up-"));
const { NODE_EXTRA_CA_CERTS: _unused, ...env } = process.env;

try {
  const context = positionals[0] === undefined ? writeSampleContext(join(scratch, "context")) : resolve(positionals[0]);
  const commands = [
    ["node", "-e", "0"],
    ...launchers.flatMap((launcher, index) => commandsOf(launcher, join(scratch, `store-${index}`), context)),
  ];
  for (const command of commands) measure(command); // fills the store and the page cache
  const taken = commands.map(() => []);
  for (let run = 0; run < Number(values.runs); run++) commands.forEach((command, index) => taken[index].push(measure(command)));
  commands.forEach((command, index) => console.log(line(command, taken[index])));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function commandsOf(launcher, store, context) {
  const version = [launcher, "version"];
  return process.getuid() === 0 ? [version, [launcher, "--root", store, "build", "-t", "start-up", context]] : [version];
}

/** Milliseconds of wall time, and of CPU in the command and all it started. */
function measure(command) {
  const script = 'TIMEFORMAT="%3R %3U %3S"; { time "$@" >/dev/null 2>/dev/null; } 2>&1; exit $?';
  const { stdout, status } = spawnSync("bash", ["-c", script, "bash", ...command], { env, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command.join(" ")} exited with ${status}`);
  const [real, user, sys] = stdout
    .trim()
    .split(" ")
    .map((seconds) => Math.round(Number(seconds) * 1000));
  return { wall: real, cpu: user + sys };
}

function line(command, runs) {
  const of = (key) => {
    const sorted = runs.map((run) => run[key]).toSorted((a, b) => a - b);
    return `${String(sorted[Math.floor(sorted.length / 2)]).padStart(4)} (least ${String(sorted[0]).padStart(3)})`;
  };
  return `wall ${of("wall")}   cpu ${of("cpu")}   ${command.join(" ").replace(scratch, "…")}`;
}
