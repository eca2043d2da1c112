import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerConfig as ImageDefaults } from "../../image/types.js";
import type { MergeRequest } from "./merge-config.js";
import { mergeConfig } from "./merge-config.js";
import type { ContainerConfig } from "./types.js";

const NOTHING: MergeRequest = { command: [], env: [], labels: new Map(), terminal: false, isInteractive: false, exposed: [] };
const IMAGE: ImageDefaults = {
  Entrypoint: ["/entry"],
  Cmd: ["default"],
  Env: ["PATH=/bin", "A=image", "B=image"],
  User: "app",
  WorkingDir: "/srv",
  Labels: { a: "image", b: "image" },
  ExposedPorts: { "80": {}, "53/udp": {} },
  StopSignal: "SIGQUIT",
};

const merge = (image: ImageDefaults, request: Partial<MergeRequest> = {}): ContainerConfig =>
  mergeConfig(image, { ...NOTHING, ...request }, "box");

test("a command replaces CMD; an entrypoint replaces ENTRYPOINT and drops CMD", () => {
  assert.deepEqual(merge(IMAGE).args, ["/entry", "default"]);
  assert.deepEqual(merge(IMAGE, { command: ["x"] }).args, ["/entry", "x"]);
  assert.deepEqual(merge(IMAGE, { entrypoint: ["/other"] }).args, ["/other"]);
  assert.deepEqual(merge(IMAGE, { entrypoint: ["/other"], command: ["x"] }).args, ["/other", "x"]);
  assert.deepEqual(merge(IMAGE, { entrypoint: [], command: ["x"] }).args, ["x"]);
});

test("without any command there is an error, not an empty process", () => {
  assert.throws(() => merge({}), { code: "COMMAND_MISSING" });
  assert.throws(() => merge(IMAGE, { entrypoint: [] }), { code: "COMMAND_MISSING" });
});

test("variables: Docker's own, over them the image's, over them the user's; a lone name takes one away", () => {
  assert.deepEqual(merge(IMAGE, { env: ["A=user", "B", "C=x=y"], terminal: true }).env, [
    "PATH=/bin",
    "HOSTNAME=box",
    "TERM=xterm",
    "A=user",
    "C=x=y",
  ]);
  assert.match(merge({ Cmd: ["x"] }).env[0] ?? "", /^PATH=\/usr\/local\/sbin:/);
});

test("user, folder, labels, ports and stop signal come from the image unless they are given", () => {
  const { user, workdir, labels, exposedPorts, stopSignal } = merge(IMAGE, {
    labels: new Map([["b", "user"]]),
    exposed: ["80/tcp", "99/tcp"],
  });
  assert.deepEqual(
    { user, workdir, labels, exposedPorts, stopSignal },
    {
      user: "app",
      workdir: "/srv",
      labels: { a: "image", b: "user" },
      exposedPorts: ["80/tcp", "53/udp", "99/tcp"],
      stopSignal: "SIGQUIT",
    },
  );
  const given = merge(IMAGE, { user: "0", workdir: "/a/../b", stopSignal: "SIGINT", stopTimeoutSec: 3 });
  assert.deepEqual([given.user, given.workdir, given.stopSignal, given.stopTimeoutSec], ["0", "/b", "SIGINT", 3]);
});

test("a working directory is absolute", () => {
  assert.throws(() => merge(IMAGE, { workdir: "x" }), { code: "WORKDIR_INVALID" });
});
