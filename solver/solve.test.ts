import assert from "node:assert/strict";
import { test } from "node:test";
import type { Vertex } from "../llb/graph.js";
import { EventLog, FakeRunner, FakeStore, GraphMaker } from "./fake-runner.js";
import { solve } from "./solve.js";
import type { Result } from "./types.js";

interface Rig {
  readonly store: FakeStore;
  readonly make: GraphMaker;
}

interface Solved {
  readonly runner: FakeRunner;
  readonly log: EventLog;
  readonly results: readonly Result[];
}

async function solveWith(
  rig: Rig,
  roots: readonly Vertex[],
  adapt: (runner: FakeRunner) => void = () => undefined,
  parallel = 8,
): Promise<Solved> {
  const runner = new FakeRunner(rig.store, rig.make.graph);
  adapt(runner);
  const log = new EventLog();
  const results = await solve({
    graph: rig.make.graph,
    roots,
    runner,
    steps: rig.store.steps,
    hasAll: rig.store.hasAll,
    locks: rig.store.locks,
    events: log.sink,
    maxParallelism: parallel,
    project: "test",
    signal: new AbortController().signal,
  });
  return { runner, log, results };
}

const newRig = (): Rig => ({ store: new FakeStore(), make: new GraphMaker() });

test("a second build of the same graph runs nothing and says CACHED", async () => {
  const rig = newRig();
  const last = rig.make.run("b", rig.make.run("a", rig.make.image("base")));
  const first = await solveWith(rig, [last]);
  assert.deepEqual(first.runner.ran, ["a", "b"]);
  const second = await solveWith(rig, [last]);
  assert.deepEqual(second.runner.ran, []);
  assert.equal(second.log.outcome(last), "CACHED");
  assert.deepEqual(second.results, first.results);
});

test("a step that runs again and comes to the same leaves everything after it cached", async () => {
  const rig = newRig();
  const image = rig.make.image("base");
  await solveWith(rig, [rig.make.run("test", rig.make.run("make", image))]);
  const changed = rig.make.run("make -j", image, { place: "make" });
  const after = rig.make.run("test", changed);
  const { runner, log } = await solveWith(rig, [after], (fake) => fake.behaviours.set("make -j", async () => "make"));
  assert.deepEqual(runner.ran, ["make -j"]);
  assert.equal(log.outcome(after), "CACHED");
  assert.equal(runner.discarded.length, 1, "the equal, older result is used and the new one dropped");
});

test("a changed source runs the copy and what follows, and the reason names it", async () => {
  const rig = newRig();
  const copy = rig.make.copy("src", rig.make.image("base"), rig.make.context());
  const last = rig.make.run("build", copy);
  await solveWith(rig, [last]);
  const { runner, log } = await solveWith(rig, [last], (fake) => (fake.content = "v2"));
  assert.deepEqual(runner.ran, ["src", "build"]);
  assert.equal(log.reason(last), "the result of src changed");
});

test("a copy whose stage ran again but whose files are equal is cached", async () => {
  const rig = newRig();
  const image = rig.make.image("base");
  await solveWith(rig, [rig.make.copy("out", image, rig.make.run("build 1", image))]);
  const copy = rig.make.copy("out", image, rig.make.run("build 2", image));
  const { runner, log } = await solveWith(rig, [copy]);
  assert.deepEqual(runner.ran, ["build 2"]);
  assert.equal(log.outcome(copy), "CACHED");
  const again = await solveWith(rig, [copy]);
  assert.deepEqual(again.runner.checksummed, [], "the second time the new identity is known");
});

test("a lost step whose result nobody needs is skipped, not run", async () => {
  const rig = newRig();
  const image = rig.make.image("base");
  const build = rig.make.run("build", image);
  const copy = rig.make.copy("out", image, build);
  const first = await solveWith(rig, [copy]);
  const kept = new Set(first.results.flatMap((result) => result.chain));
  for (const name of rig.store.snapshots) if (!kept.has(name)) rig.store.snapshots.delete(name);
  const { runner, log } = await solveWith(rig, [copy]);
  assert.deepEqual(runner.ran, []);
  assert.equal(log.outcome(copy), "CACHED");
  assert.equal(log.outcome(build), "SKIPPED");
});

test("a lost step that comes to something else has every key after it computed anew", async () => {
  const rig = newRig();
  const image = rig.make.image("base");
  const download = rig.make.run("download", image);
  const build = rig.make.run("build", download);
  const pack = rig.make.run("pack", build);
  const first = await solveWith(rig, [pack]);
  rig.store.snapshots.clear();
  const { runner, log, results } = await solveWith(rig, [pack], (fake) => fake.behaviours.set("download", async () => "newer"));
  assert.deepEqual(runner.ran, ["download", "build", "pack"]);
  assert.equal(log.outcome(pack), "RAN");
  assert.notEqual(results[0]?.identity, first.results[0]?.identity);
  const again = await solveWith(rig, [pack]);
  assert.deepEqual(again.runner.ran, []);
  assert.deepEqual(again.results, results);
});

test("ignoring the cache runs the step once and leaves equal results cached behind it", async () => {
  const rig = newRig();
  const image = rig.make.image("base");
  await solveWith(rig, [rig.make.run("b", rig.make.run("a", image))]);
  const other: Rig = { store: rig.store, make: new GraphMaker() };
  const fresh = other.make.run("a", other.make.image("base"), { ignoreCache: true });
  const last = other.make.run("b", fresh);
  const { runner, log } = await solveWith(other, [last]);
  assert.deepEqual(runner.ran, ["a"]);
  assert.equal(log.outcome(last), "CACHED");
});

test("independent steps run side by side, no more of them than allowed", async () => {
  const rig = newRig();
  const image = rig.make.image("base");
  const roots = [1, 2, 3, 4, 5].map((number) => rig.make.run(`step ${number}`, image));
  let running = 0;
  let most = 0;
  await solveWith(
    rig,
    roots,
    (fake) => {
      for (const root of roots) {
        const { name } = rig.make.graph.meta(root);
        fake.behaviours.set(name, async () => {
          most = Math.max(most, ++running);
          await new Promise((resolve) => setImmediate(resolve));
          running--;
          return name;
        });
      }
    },
    3,
  );
  assert.equal(most, 3);
});

test("of the steps that wait for a place the one on the longest path starts first", async () => {
  const rig = newRig();
  const image = rig.make.image("base");
  const short = rig.make.run("short", image);
  const long = rig.make.run("long 3", rig.make.run("long 2", rig.make.run("long 1", image)));
  const { runner } = await solveWith(rig, [rig.make.run("first", image), short, long], undefined, 1);
  assert.ok(runner.ran.indexOf("long 1") < runner.ran.indexOf("short"), runner.ran.join(", "));
});

test("the first failure cancels the others, waits for them and is what is thrown", async () => {
  const rig = newRig();
  const image = rig.make.image("base");
  const slow = rig.make.run("slow", image);
  const failing = rig.make.run("failing", image);
  const never = rig.make.run("never", slow);
  let hasEnded = false;
  const log = new EventLog();
  const runner = new FakeRunner(rig.store, rig.make.graph);
  runner.behaviours.set("failing", async () => {
    throw new Error("exit code 3");
  });
  runner.behaviours.set(
    "slow",
    (signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () =>
          setImmediate(() => {
            hasEnded = true;
            reject(signal.reason);
          }),
        );
      }),
  );
  const build = solve({
    graph: rig.make.graph,
    roots: [never, failing],
    runner,
    steps: rig.store.steps,
    hasAll: rig.store.hasAll,
    locks: rig.store.locks,
    events: log.sink,
    maxParallelism: 4,
    project: "test",
    signal: new AbortController().signal,
  });
  await assert.rejects(build, /exit code 3/);
  assert.ok(hasEnded, "the cancelled step has ended before the build does");
  assert.equal(log.outcome(failing), "FAILED");
  assert.equal(log.outcome(slow), "NOT RUN");
  assert.equal(log.outcome(never), "NOT RUN");
});

test("two builds at once run a step they share once, and the second says for whom it waits", async () => {
  const rig = newRig();
  const other: Rig = { store: rig.store, make: new GraphMaker() };
  const one = rig.make.run("shared", rig.make.image("base"));
  const two = other.make.run("shared", other.make.image("base"));
  let finish = (): void => undefined;
  const gate = new Promise<void>((resolve) => (finish = resolve));
  const first = solveWith(rig, [one], (fake) => fake.behaviours.set("shared", async () => gate.then(() => "done")));
  await new Promise((resolve) => setImmediate(resolve));
  const second = solveWith(other, [two]);
  await new Promise((resolve) => setImmediate(resolve));
  finish();
  const [a, b] = await Promise.all([first, second]);
  assert.deepEqual([...a.runner.ran, ...b.runner.ran], ["shared"]);
  assert.deepEqual(a.results, b.results);
  assert.ok(b.log.events.some((event) => event.type === "note" && event.message.includes("waits")));
});

test("a hit reads no file: nothing is checksummed when the identities are known", async () => {
  const rig = newRig();
  const image = rig.make.image("base");
  const copy = rig.make.copy("out", image, rig.make.run("build", image));
  const first = await solveWith(rig, [copy]);
  assert.deepEqual(first.runner.checksummed, ["out"]);
  const second = await solveWith(rig, [copy]);
  assert.deepEqual(second.runner.checksummed, []);
});
