// Runs a body of the bundle and writes V8's code cache of it, in a process of its own (bin/code-cache.mjs):
//   node bin/warm.cjs BUNDLE NAME '[["version"],…]'     the command lines to run with it
"use strict";
const { hash } = require("node:crypto");
const fs = require("node:fs");
const { createRequire } = require("node:module");
const { Script } = require("node:vm");

const [, , bundle, name, work] = process.argv;
const filename = `${bundle}/${name}.body.js`;
const script = new Script(fs.readFileSync(filename).latin1Slice(), { filename });
const [, digest] = new RegExp(`${name}\\.([0-9a-f]+)-`).exec(fs.readFileSync(`${bundle}/${name}.js`, "latin1"));
const exit = process.exit;

/** Resolves with the exit code when the program would end the process. */
function perform(args) {
  process.argv = [process.execPath, `${bundle}/${name}.js`, ...args];
  const ended = new Promise((resolve) => {
    process.exit = resolve;
  });
  load();
  return ended;
}

function load() {
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(filename), module, filename, bundle);
  return module.exports;
}

async function warm() {
  if (name === "main") for (const args of JSON.parse(work)) await perform(args);
  else if (name === "grammar") for (const escape of ["\\", "`"]) for (const line of LINES) load().grammarFor(escape).parseLine(line);
  else load();
  const path = `${bundle}/${name}.${digest}-${process.version}-${process.arch}.code`;
  const data = script.createCachedData();
  fs.writeFileSync(`${path}.new`, Buffer.concat([hash("sha256", data, "buffer"), data]));
  fs.renameSync(`${path}.new`, path);
  exit(0);
}

const LINES = [
  "FROM --platform=linux/amd64 scratch AS a",
  "RUN --mount=type=cache,target=/c a && b",
  'RUN ["a", "b"]',
  "COPY --from=a b c",
  "ENV A=b C='d e'",
  "ARG A",
  "LABEL a=b",
  "WORKDIR /a",
  "USER a",
  'CMD ["a"]',
  "ENTRYPOINT a",
  "EXPOSE 80",
  'VOLUME ["/a"]',
  "ONBUILD RUN a",
  "HEALTHCHECK --interval=1s CMD a",
  "STOPSIGNAL TERM",
];

void warm();
