import assert from "node:assert/strict";
import { test } from "node:test";
import { flushedOutput, ownMessages } from "./flushed-output.js";

const MESSAGE = '{ "msg": "executable file not found", "level": "error", "time": "now" }\n';

test("what a terminal said last is found in the runtime's log, in whatever pieces it came", () => {
  assert.equal(flushedOutput(""), "");
  assert.equal(flushedOutput(MESSAGE), "");
  assert.equal(flushedOutput("/dev/pts/0\r\n\n"), "/dev/pts/0\r\n");
  assert.equal(flushedOutput(`${"a".repeat(255)}\nbc\r\n\n${MESSAGE}`), `${"a".repeat(255)}bc\r\n`);
});

test("the runtime's own messages are told from what the container said", () => {
  assert.equal(ownMessages(`out\r\n\n${MESSAGE}`), MESSAGE);
});
