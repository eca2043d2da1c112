import assert from "node:assert/strict";
import { test } from "node:test";
import { SignalRelay } from "./signals.js";

interface Rig {
  readonly relay: SignalRelay;
  readonly send: (signal: NodeJS.Signals) => void;
  readonly got: NodeJS.Signals[];
  readonly running: { readonly pid: number; kill(signal: NodeJS.Signals): void };
}

function rig(): Rig {
  let listener: (signal: NodeJS.Signals) => void = () => undefined;
  const got: NodeJS.Signals[] = [];
  const relay = new SignalRelay({ redirect: (next) => void (listener = next) });
  relay.starting();
  return { relay, send: (signal) => listener(signal), got, running: { pid: 1, kill: (signal) => void got.push(signal) } };
}

test("signals that come before the container runs are passed on when it does", () => {
  const { relay, send, got, running } = rig();
  send("SIGUSR1");
  send("SIGTERM");
  assert.deepEqual(got, []);
  relay.started(running);
  assert.deepEqual(got, ["SIGUSR1", "SIGTERM"]);
});

test("the second Ctrl-C kills", () => {
  const { relay, send, got, running } = rig();
  relay.started(running);
  for (const signal of ["SIGINT", "SIGTERM", "SIGTERM", "SIGINT"] as const) send(signal);
  assert.deepEqual(got, ["SIGINT", "SIGTERM", "SIGTERM", "SIGKILL"]);
});

test("a second Ctrl-C before the start gives up", () => {
  const { relay, send } = rig();
  send("SIGINT");
  assert.equal(relay.aborted.aborted, false);
  send("SIGINT");
  assert.equal(relay.aborted.aborted, true);
});
