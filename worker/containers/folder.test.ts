import assert from "node:assert/strict";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { test } from "node:test";
import { sha256Digest } from "../../base/digest.js";
import type { Store } from "../../cache/store.js";
import { testRoot } from "../../cache/testing.js";
import { ContainerFolder } from "./folder.js";
import { checkName, containerNamed, randomName } from "./names.js";
import { recoverContainer } from "./remove.js";
import { listContainers, readState } from "./state.js";
import type { ContainerState } from "./types.js";

const idOf = (letter: string): string => letter.repeat(64);

function stateOf(id: string, changes: Partial<ContainerState> = {}): Omit<ContainerState, "name"> {
  return {
    id,
    image: "app",
    imageId: sha256Digest("image"),
    config: {
      args: ["sh"],
      entrypoint: [],
      command: ["sh"],
      env: ["A=1"],
      user: "",
      workdir: "/",
      hostname: "box",
      labels: { a: "b" },
      stopSignal: "SIGTERM",
      stopTimeoutSec: 4,
      terminal: false,
      isInteractive: true,
      exposedPorts: ["80/tcp"],
    },
    mounts: [{ type: "bind", source: "/a", target: "/b", readonly: true }],
    anonymousVolumes: [],
    networkMode: "bridge",
    ports: [{ hostIp: "127.0.0.1", hostPort: 8080, containerPort: 80, protocol: "tcp" }],
    removesItself: false,
    readonlyRootfs: false,
    status: "created",
    isOomKilled: false,
    createdAtMs: 5,
    ...changes,
  };
}

function create(store: Store, id: string, wantedName: string | undefined, changes: Partial<ContainerState> = {}): Promise<ContainerFolder> {
  return ContainerFolder.create(store, { state: stateOf(id, changes), wantedName, chain: [], signal: AbortSignal.timeout(10_000) });
}

test("what is written is what is read", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const folder = await create(store, idOf("a"), "mine");
  folder.update({ status: "exited", exitCode: 3, ip: "10.0.0.2", error: "why", startedAtMs: 6, finishedAtMs: 7 });
  const { mounts, ...rest } = readState(store, idOf("a")) ?? assert.fail("no state");
  const { mounts: expectedMounts, ...expected } = folder.state;
  assert.deepEqual({ ...rest, config: { ...rest.config, labels: { ...rest.config.labels } } }, expected);
  assert.deepEqual(
    mounts.map(({ name: _name, ...mount }) => mount),
    expectedMounts,
  );
  assert.deepEqual(
    listContainers(store).map(({ name }) => name),
    ["mine"],
  );
});

test("a name has one container; a second one leaves nothing", async () => {
  await using root = testRoot();
  await using store = await root.open();
  await create(store, idOf("a"), "mine");
  await assert.rejects(create(store, idOf("b"), "mine"), {
    code: "CONTAINER_NAME_TAKEN",
    message: new RegExp(`The container name "/mine" is already in use by container "${idOf("a")}"`),
  });
  assert.deepEqual(readdirSync(store.path("containers")), [idOf("a")]);
  assert.equal(containerNamed(store, "mine"), idOf("a"));
});

test("the name of a container that is gone is free", async () => {
  await using root = testRoot();
  await using store = await root.open();
  await create(store, idOf("a"), "mine");
  rmSync(store.path("containers", idOf("a")), { recursive: true });
  assert.equal((await create(store, idOf("b"), "mine")).state.name, "mine");
});

test("without a name one is made up", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const { name } = (await create(store, idOf("a"), undefined)).state;
  assert.match(name, /^[a-z]+_[a-z]+\d*$/);
  assert.equal(containerNamed(store, name), idOf("a"));
  assert.match(randomName(true), /^[a-z]+_[a-z]+\d\d$/);
});

test("names that are no names are refused", () => {
  for (const name of ["", "a", "-a", "a/b", "../x", "a b", "a".repeat(300)])
    assert.throws(() => checkName(name), { code: "CONTAINER_NAME_INVALID" }, name);
});

test("disposing removes all of it, unless it is kept; what removes itself is never kept", async () => {
  await using root = testRoot();
  await using store = await root.open();
  for (const [letter, removesItself, isLeft] of [
    ["a", false, true],
    ["b", true, false],
  ] as const) {
    const folder = await create(store, idOf(letter), `name-${letter}`, { removesItself });
    folder.keep();
    await folder[Symbol.asyncDispose]();
    assert.equal(existsSync(store.path("containers", idOf(letter))), isLeft);
    assert.equal(containerNamed(store, `name-${letter}`) !== undefined, isLeft);
  }
});

test("after a kill: a running container is a stopped one, one that removes itself or never ran is gone", async () => {
  await using root = testRoot();
  await using store = await root.open();
  await create(store, idOf("a"), "ran", { status: "running" });
  await create(store, idOf("b"), "ran-once", { status: "running", removesItself: true });
  await create(store, idOf("c"), "never");
  for (const letter of ["a", "b", "c", "d"]) recoverContainer(store, idOf(letter));
  recoverContainer(store, "../../etc");
  assert.deepEqual(
    listContainers(store).map(({ name, status, exitCode }) => [name, status, exitCode]),
    [["ran", "exited", 137]],
  );
  assert.deepEqual(readdirSync(store.path("container-names")), ["ran"]);
});
