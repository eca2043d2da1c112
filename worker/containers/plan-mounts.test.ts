import assert from "node:assert/strict";
import { test } from "node:test";
import { planMounts } from "./plan-mounts.js";
import type { MountRequest } from "./types.js";

const bind = (target: string): MountRequest => ({ type: "bind", source: "/s", target, readonly: false, makesSource: true });
const plan = (given: readonly MountRequest[], volumes: readonly string[] = []): ReturnType<typeof planMounts> => {
  let count = 0;
  return planMounts(given, volumes, () => `volume-${++count}`);
};

test("outer mounts come before those inside them", () => {
  assert.deepEqual(
    plan([bind("/a/b/c"), bind("/a"), bind("/z"), bind("/a/b")]).mounts.map(({ target }) => target),
    ["/a", "/z", "/a/b", "/a/b/c"],
  );
});

test("every VOLUME of the image gets a volume of its own, unless something is mounted there", () => {
  const { mounts, anonymousVolumes } = plan([bind("/data/")], ["/data", "/log"]);
  assert.deepEqual(
    mounts.map(({ type, target }) => [type, target]),
    [
      ["bind", "/data"],
      ["volume", "/log"],
    ],
  );
  assert.deepEqual(anonymousVolumes, ["volume-1"]);
});

test("a named volume is not this container's own", () => {
  const given: MountRequest[] = [
    { type: "volume", name: "n", target: "/a", readonly: false, copiesImage: true },
    { type: "volume", target: "/b", readonly: false, copiesImage: true },
  ];
  assert.deepEqual(plan(given).anonymousVolumes, ["volume-1"]);
});

test("one target twice, the root and relative targets are refused", () => {
  assert.throws(() => plan([bind("/a"), bind("/a/../a/")]), { code: "MOUNT_INVALID", message: "Duplicate mount point: /a" });
  for (const target of ["/", "/..", "a"]) assert.throws(() => plan([bind(target)]), { code: "MOUNT_INVALID" }, target);
});
