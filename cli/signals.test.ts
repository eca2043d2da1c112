import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Interrupted, SignalWatch } from "./signals.js";

after(() => {
  for (const signal of ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"]) process.removeAllListeners(signal);
});

test("one key press that arrives twice cancels once; the next one ends the program", () => {
  const exits: string[] = [];
  const watch = new SignalWatch((signal) => exits.push(signal));
  watch.receive("SIGINT", 1000);
  watch.receive("SIGINT", 1002);
  assert.ok(watch.cancelled.aborted);
  assert.ok(watch.cancelled.reason instanceof Interrupted);
  assert.deepEqual(exits, []);
  watch.receive("SIGINT", 1500);
  assert.deepEqual(exits, ["SIGINT"]);
});

test("SIGUSR1 asks nothing to end", () => {
  const watch = new SignalWatch(() => assert.fail("must not exit"));
  watch.receive("SIGUSR1", 0);
  assert.equal(watch.cancelled.aborted, false);
});

test("a command that redirects signals gets all of them, once each", () => {
  const seen: string[] = [];
  const watch = new SignalWatch(() => assert.fail("must not exit"));
  watch.redirect((signal) => seen.push(signal));
  watch.receive("SIGTERM", 10);
  watch.receive("SIGTERM", 11);
  watch.receive("SIGINT", 11);
  watch.receive("SIGTERM", 500);
  assert.deepEqual(seen, ["SIGTERM", "SIGINT", "SIGTERM"]);
  assert.equal(watch.cancelled.aborted, false);
});
