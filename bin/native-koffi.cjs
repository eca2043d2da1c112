// koffi's native part, loaded at the place where its package for this machine has it. Finding it by way of the
// package's own JavaScript takes 6 ms of each start; that is for all other machines (musl) and layouts.
"use strict";
try {
  const found = { exports: {} };
  process.dlopen(found, `${__dirname}/../../node_modules/@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`);
  module.exports = found.exports;
} catch {
  module.exports = require("koffi");
}
