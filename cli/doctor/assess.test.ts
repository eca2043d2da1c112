import assert from "node:assert/strict";
import { test } from "node:test";
import { assess } from "./assess.js";
import type { MachineFacts } from "./facts.js";

const GOOD: MachineFacts = {
  nodeVersion: "20.18.1",
  kernelRelease: "6.1.0-18-amd64",
  isRoot: true,
  processStatus: "CapEff:\t000001ffffffffff\n",
  filesystems: "nodev\toverlay\n\text4\n",
  programs: new Map(["crun", "conmon", "ip", "nft", "unshare", "setpriv"].map((name) => [name, `/usr/bin/${name}`])),
  cgroup: "v2",
  root: "/var/lib/tsbuild",
  freeBytes: 50e9,
};
const states = (facts: MachineFacts): string =>
  assess(facts)
    .filter(({ state }) => state !== "ok")
    .map(({ topic, state }) => `${topic} ${state}`)
    .join(", ");

test("nothing is wrong with a good machine", () => {
  assert.equal(states(GOOD), "");
});

test("what is wrong is named, by how much it matters", () => {
  assert.equal(states({ ...GOOD, nodeVersion: "18.0.0", kernelRelease: "5.4.0" }), "node missing, kernel missing");
  assert.equal(states({ ...GOOD, isRoot: false }), "privilege missing");
  assert.equal(states({ ...GOOD, processStatus: "CapEff:\t00000000a80425fb\n" }), "privilege missing");
  assert.equal(
    states({
      ...GOOD,
      programs: new Map([
        ["runc", "/usr/bin/runc"],
        ["unshare", "/x"],
        ["setpriv", "/x"],
      ]),
    }),
    "ip limited, nft limited, conmon limited",
  );
  assert.equal(states({ ...GOOD, programs: new Map() }).includes("runtime missing"), true);
  assert.equal(states({ ...GOOD, freeBytes: 1e9, cgroup: "none", filesystems: "" }), "overlay limited, cgroups limited, space limited");
});
