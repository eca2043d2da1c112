// Bundles the program into dist/bundle: main.js (the command line) and thread.js (worker threads), with what they
// import lazily in chunks beside them. Native modules stay in node_modules and are resolved from there.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const entries = {
  main: "cli/main.ts",
  thread: "worker/thread.ts",
  // piscina starts its threads with the file of this name beside itself.
  worker: "node_modules/piscina/dist/worker.js",
};
// What CommonJS packages expect to be there.
const commonJs = [
  'import { createRequire as __createRequire } from "node:module";',
  "const require = __createRequire(import.meta.url), __dirname = import.meta.dirname, __filename = import.meta.filename;",
];

/**
 * `await import("pkg")` of a CommonJS package gives only a default export when esbuild splits; Node gives names too.
 * This puts a module between that has the names, as the package has them now.
 */
const namedExportsOfCommonJs = {
  name: "named-exports-of-commonjs",
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /^[^.]/ }, async ({ path, kind, resolveDir }) => {
      if (kind !== "dynamic-import" || path.startsWith("node:")) return undefined;
      const found = await resolve(path, { kind: "import-statement", resolveDir });
      const isCommonJs =
        !found.external && /\.c?js$/.test(found.path) && !/^\s*(?:export|import)\b/m.test(readFileSync(found.path, "utf8"));
      return isCommonJs ? { path: found.path, namespace: "commonjs" } : undefined;
    });
    onLoad({ filter: /.*/, namespace: "commonjs" }, ({ path }) => {
      const names = Object.keys(createRequire(import.meta.url)(path)).filter(
        (name) => /^[A-Za-z_$][\w$]*$/.test(name) && name !== "default",
      );
      const contents = `import whole from ${JSON.stringify(path)};\nexport const { ${names.join(", ")} } = whole;\nexport default whole;`;
      return { contents, loader: "js", resolveDir: root };
    });
  },
};

rmSync(join(root, "dist/bundle"), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: Object.fromEntries(Object.entries(entries).filter(([, source]) => existsSync(join(root, source)))),
  outdir: "dist/bundle",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.18",
  external: ["koffi", "zstd-napi", "@napi-rs/nice"],
  define: { TSBUILD_VERSION: JSON.stringify(version) },
  banner: { js: commonJs.join("") },
  // Beside the entries, so that "./thread.js" means the same from every chunk.
  chunkNames: "[name]-[hash]",
  sourcemap: "linked",
  sourcesContent: false,
  // Less to parse at each start: 15 ms of a cached build.
  minify: true,
  plugins: [namedExportsOfCommonJs],
  logLevel: "warning",
});
