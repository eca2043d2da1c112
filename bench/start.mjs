// How long a start takes: `node -e 0`, `tsbuild version`, and a build in which everything is cached, in turn, so that a
// slow moment of the machine meets them all. Prints medians in milliseconds.
//
//   node bench/start.mjs [ROUNDS] -- tsbuild build …     (default 10 rounds; the build must have been done before)
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const separator = process.argv.indexOf("--");
if (separator === -1) throw new Error("usage: node bench/start.mjs [ROUNDS] -- tsbuild build …");
const rounds = separator > 2 ? Number(process.argv[2]) : 10;
const tsbuild = fileURLToPath(new URL("../bin/tsbuild", import.meta.url));
const build = process.argv.slice(separator + 1).map((word) => (word === "tsbuild" ? tsbuild : word));

// Node would read these certificates at every start.
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
const commands = { "node -e 0": ["node", "-e", "0"], "tsbuild version": [tsbuild, "version"], "cached build": build };
const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));

for (let round = -1; round < rounds; round++) {
  for (const [name, [command, ...args]] of Object.entries(commands)) {
    const began = performance.now();
    const { status, stderr } = spawnSync(command, args, { env, encoding: "utf8" });
    const ms = performance.now() - began;
    if (status !== 0) throw new Error(`${name} ended with ${status}\n${stderr}`);
    if (name === "cached build" && /^#\d+ DONE/m.test(stderr)) throw new Error(`not everything was cached:\n${stderr}`);
    if (round >= 0) times[name].push(ms); // the first round is a rehearsal
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const node = median(times["node -e 0"]);
for (const [name, values] of Object.entries(times)) {
  const ms = median(values);
  console.log(
    `${name.padEnd(16)} ${ms.toFixed(0).padStart(5)} ms   + ${(ms - node).toFixed(0)} ms over Node's own   (${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)})`,
  );
}
