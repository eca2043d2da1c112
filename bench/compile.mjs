// How long a very large Dockerfile takes to become a graph, and how much memory: 20,000 instructions of all kinds (1 MB), and
// twice as many. Each round is a new process; beside them one that compiles a single FROM shows what starting costs.
//
//   node bench/compile.mjs [--rounds 5] [--instructions 20000] [--keep FOLDER]
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, instructions: { type: "string", default: "20000" }, keep: { type: "string" } },
});
const STAGES = 4;
const STEP = /* a unit of work repeats with other numbers */ [
  (n) => `RUN apt-get install -y --no-install-recommends package-${n}`,
  (n) => `ENV NAME_${n % 40}=value-${n} PATH_${n % 7}=\${NAME_${n % 40}}/bin`,
  (n) => `COPY --chown=1000:1000 src/part-${n} lib/*.${n % 9}.js /srv/app/part-${n}/`,
  (n) => `RUN --mount=type=cache,target=/root/.cache,id=c${n % 5} \\\n    # step ${n}\n    make -j4 \\\n      target-${n}`,
  (n) => `LABEL org.example.label-${n % 60}="the value of $NAME_${n % 40}"`,
  (n) => `WORKDIR /srv/app/\${NAME_${n % 40}:-none}/${n}`,
  (n) => `RUN <<EOF\nset -e\ncd /srv && ./configure --number=${n}\nEOF`,
  (n) => `ARG ARG_${n % 30}=\${NAME_${n % 40}#value-}`,
  (n) => `COPY --link assets-${n} /usr/share/assets/`,
  (n) => `EXPOSE ${1024 + (n % 3000)}/tcp`,
  (n) => `# a remark about ${n}\nRUN ["/bin/tool", "--number", "${n}"]`,
  (n) => `USER user-${n % 20}:group-${n % 20}`,
  (n) => `COPY <<EOF /etc/conf.d/${n}.conf\nname = $NAME_${n % 40}\nEOF`,
  (n) => `VOLUME /data/volume-${n}`,
  (n) => `ADD https://example.org/dist/archive-${n}.tar.gz /opt/`,
  (n) => `HEALTHCHECK --interval=${1 + (n % 50)}s CMD curl -f http://localhost:${n}/`,
  (n) => `CMD ["serve", "--port", "${n}"]`,
  (n) => `ONBUILD RUN echo trigger ${n}`,
];

/** Stages of equal length, each with a COPY out of the one before. */
function dockerfile(instructions) {
  const lines = [];
  for (let stage = 0; stage < STAGES; stage++) {
    lines.push(`FROM alpine:3.19 AS stage-${stage}`);
    for (let n = 0; n < instructions / STAGES - 2; n++) lines.push(STEP[n % STEP.length](n + stage * instructions));
    if (stage > 0) lines.push(`COPY --from=stage-${stage - 1} /srv /srv`);
  }
  return `${lines.join("\n")}\n`;
}

const CHILD = `
import { readFileSync } from "node:fs";
import { compile } from "./compile.mjs";
const platform = { os: "linux", architecture: "amd64" };
const digest = "sha256:" + "0".repeat(64);
const config = { ...platform, config: { Env: ["PATH=/usr/bin:/bin"], Cmd: ["sh"] }, rootfs: { type: "layers", diff_ids: [digest] }, history: [] };
const { graph, targets } = await compile({
  dockerfile: { name: "Dockerfile", text: readFileSync(process.argv[2], "utf8") },
  platforms: [], buildPlatform: platform, buildArgs: new Map(), labels: new Map(), noCache: false, noCacheStages: [], buildContexts: new Map(),
  network: "default", extraHosts: [], limits: {}, allow: new Set(), ignorePatterns: async () => [],
  images: { resolve: async (reference) => ({ ref: reference + "@" + digest, manifest: digest, config }) },
}, new AbortController().signal);
console.log(JSON.stringify({ vertices: graph.size, history: targets[0].image.history.length, rssMiB: process.resourceUsage().maxRSS / 1024 }));
`;

const folder = values.keep ?? mkdtempSync(join(tmpdir(), "bench-compile-"));
mkdirSync(folder, { recursive: true });
try {
  await build({
    entryPoints: [fileURLToPath(new URL("../frontend/compile/compile.ts", import.meta.url))],
    outfile: join(folder, "compile.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "error",
  });
  writeFileSync(join(folder, "child.mjs"), CHILD);
  const count = Number(values.instructions);
  const texts = {
    "one FROM": "FROM alpine:3.19\n",
    [`${count} instructions`]: dockerfile(count),
    [`${2 * count} instructions`]: dockerfile(2 * count),
  };
  report(texts, measureAll(texts));
} finally {
  if (values.keep === undefined) rmSync(folder, { recursive: true });
}

/** In turn, so that a slow moment of the machine meets them all; the first round is a rehearsal. */
function measureAll(texts) {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const runs = Object.fromEntries(Object.keys(texts).map((name) => [name, []]));
  for (let round = -1; round < Number(values.rounds); round++) {
    Object.entries(texts).forEach(([name, text], index) => {
      const file = join(folder, `Dockerfile-${index}`);
      if (round < 0) writeFileSync(file, text);
      const began = performance.now();
      const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, "child.mjs"), file], { env, encoding: "utf8" });
      const ms = performance.now() - began;
      if (status !== 0) throw new Error(`${name} ended with ${status}\n${stderr}`);
      if (round >= 0) runs[name].push({ ms, ...JSON.parse(stdout) });
    });
  }
  return runs;
}

function report(texts, runs) {
  const median = (name, key) => runs[name].map((run) => run[key]).toSorted((a, b) => a - b)[Math.floor(runs[name].length / 2)];
  const [start, ...files] = Object.keys(texts);
  const beyond = (name) => median(name, "ms") - median(start, "ms");
  console.log(`${start}: ${median(start, "ms").toFixed(0)} ms, ${median(start, "rssMiB").toFixed(0)} MiB`);
  for (const name of files) {
    const size = (texts[name].length / 1e6).toFixed(2);
    console.log(
      `${name}, ${size} MB, ${median(name, "vertices")} vertices: + ${beyond(name).toFixed(0)} ms, ${median(name, "rssMiB").toFixed(0)} MiB`,
    );
  }
  console.log(`twice the size takes ${(beyond(files[1]) / beyond(files[0])).toFixed(2)} × as long`);
}
