// Bundles the program into dist/bundle, as CommonJS:
//
//   main       the command line          piscina, tar-stream, undici    packages that few commands need
//   thread     what worker threads do    worker                         what piscina starts a thread with
//   grammar    the Dockerfile grammar, with Chevrotain
//
// NAME.body.js is the code, NAME.js runs it from V8's cache of it, NAME.….code (bin/start.cjs, bin/code-cache.mjs).
// Native modules stay in node_modules. docs/decisions/0005-start-up.md says why it is done so.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { writeCodeCaches } from "./code-cache.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const place = join(root, "dist/bundle");
/** Beside its place until it is whole: somebody may be using the old one. */
const bundle = `${place}.${process.pid}`;
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** What has a body of its own, by name. */
const programs = { main: "cli/main.ts", thread: "worker/thread.ts", grammar: "frontend/syntax/grammar.ts" };
const packages = ["piscina", "tar-stream", "undici"];
const names = [...Object.keys(programs), ...packages];
/** A body is one function, which bin/start.cjs calls. */
const HEAD = "(function(exports,require,module,__filename,__dirname){";
const TAIL = "})";
/** Modules of Node that a cached build has no use for: loaded with the first look at what they export. */
const lateBuiltins = [
  "child_process",
  "fs/promises",
  "http",
  "https",
  "net",
  "perf_hooks",
  "readline",
  "stream",
  "stream/promises",
  "tls",
  "tty",
  "worker_threads",
  "zlib",
];

const common = {
  absWorkingDir: root,
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20.18",
  // import() becomes require(): the same here, and without Node's second loader.
  supported: { "dynamic-import": false },
  minify: true,
  sourcemap: "linked",
  sourcesContent: false,
  external: ["koffi", "zstd-napi", "@napi-rs/nice"],
  logLevel: "warning",
};

/** Says of imports where they are to be found and when they are loaded. */
const places = {
  name: "places",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(?:${packages.join("|")})$`) }, ({ path }) => ({ path: `./${path}.js`, external: true }));
    // Chevrotain and its grammar take 20 ms to make; a Dockerfile that was parsed before does without (worker/parsed-lines.ts).
    onResolve({ filter: /^\.\/grammar\.js$/ }, ({ importer }) =>
      importer.endsWith("frontend/syntax/parse.ts") ? { path: "grammar", namespace: "late" } : undefined,
    );
    onResolve({ filter: new RegExp(`^node:(?:${lateBuiltins.join("|")})$`) }, ({ path, namespace }) =>
      namespace === "late" ? undefined : { path, namespace: "late" },
    );
    onLoad({ filter: /.*/, namespace: "late" }, ({ path }) => ({ contents: late(path), resolveDir: root }));
    // esbuild follows only a require() that it can see.
    onLoad({ filter: /\/sys\/libc\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replace('createRequire(import.meta.url)("koffi")', 'require("native-koffi")'),
      loader: "ts",
    }));
    onResolve({ filter: /^native-koffi$/ }, () => ({ path: join(root, "bin/native-koffi.cjs") }));
  },
};

/** A CommonJS module whose exports are looked up when they are used. */
function late(path) {
  if (path === "grammar") return 'exports.grammarFor = (escape) => require("./grammar.js").grammarFor(escape);';
  const exported = Object.keys(createRequire(import.meta.url)(path));
  const getters = exported.map((name) => `get ${name}() { return load().${name}; }`);
  return `const load = () => require(${JSON.stringify(path)});\nmodule.exports = { ${getters.join(", ")} };`;
}

process.on("exit", () => rmSync(bundle, { recursive: true, force: true }));
await build({
  ...common,
  entryPoints: Object.entries(programs).map(([name, source]) => ({ in: source, out: `${name}.body` })),
  outdir: bundle,
  external: [...common.external, "./grammar.js"],
  define: { TSBUILD_VERSION: JSON.stringify(version), TSBUILD_GRAMMAR: JSON.stringify(grammarId()), "import.meta": "__importMeta" },
  banner: { js: `${HEAD}const __importMeta={get url(){return require("node:url").pathToFileURL(__filename).href}};` },
  footer: { js: TAIL },
  plugins: [places],
});
await build({
  ...common,
  entryPoints: packages.map((name) => ({ in: name, out: `${name}.body` })),
  outdir: bundle,
  banner: { js: HEAD },
  footer: { js: TAIL },
});
await build({ ...common, entryPoints: ["node_modules/piscina/dist/worker.js"], outdir: bundle });
writeFileSync(join(bundle, "package.json"), '{"type":"commonjs"}\n');
for (const name of names) writeStart(name);
await writeCodeCaches(bundle, names);
swap();

function swap() {
  const old = `${place}.old.${process.pid}`;
  if (existsSync(place)) renameSync(place, old);
  renameSync(bundle, place);
  rmSync(old, { recursive: true, force: true });
}

/** Which grammar a parsed line is remembered for: any change to its sources makes another. */
function grammarId() {
  const sources = [
    "frontend/syntax/grammar.ts",
    "frontend/syntax/tokens.ts",
    "frontend/syntax/blanks.ts",
    "frontend/syntax/raw-json.ts",
    "node_modules/chevrotain/package.json",
  ];
  return digestOf(sources.map((path) => readFileSync(join(root, path), "utf8")).join("\0"));
}

function writeStart(name) {
  const path = join(bundle, `${name}.body.js`);
  // esbuild escapes all but what stands in regular expressions; there it means the same.
  const body = readFileSync(path, "utf8").replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  writeFileSync(path, body);
  const start = readFileSync(join(root, "bin/start.cjs"), "utf8").replaceAll("NAME", name).replaceAll("DIGEST", digestOf(body));
  writeFileSync(join(bundle, `${name}.js`), start);
}

function digestOf(text) {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
