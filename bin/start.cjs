// Runs NAME.body.js from what V8 made of it when it was bundled (bin/code-cache.mjs): parsing and compiling it anew
// takes several times as long. V8 refuses a cache of another V8 or of other flags, and compiles from the source then.
"use strict";
const { hash } = require("node:crypto");
const fs = require("node:fs");
const { Script } = require("node:vm");

const filename = `${__dirname}/NAME.body.js`;
// One function, in ASCII.
const source = fs.readFileSync(filename).latin1Slice();

/**
 * Undefined without a whole cache for just these bytes, this Node and this processor. The file begins with the SHA-256
 * of the rest: V8 itself checks no more than its length, and runs whatever it holds.
 */
function cachedData() {
  try {
    const file = fs.readFileSync(`${__dirname}/NAME.DIGEST-${process.version}-${process.arch}.code`);
    const data = file.subarray(32);
    return hash("sha256", data, "buffer").equals(file.subarray(0, 32)) ? data : undefined;
  } catch {
    return undefined;
  }
}

// Only of what Node's own loader compiles does it show stacks as in the sources.
if (process.env.TSBUILD_DEBUG === "1" || process.argv[2] === "--debug" || process.argv[2] === "-D") {
  process.setSourceMapsEnabled(true);
  module._compile(`${source}(exports,require,module,__filename,__dirname)`, filename);
} else new Script(source, { filename, cachedData: cachedData() }).runInThisContext()(exports, require, module, filename, __dirname);
