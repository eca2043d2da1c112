import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunFlags } from "./flags.js";
import { parseRunFlags } from "./flags.js";
import { splitAtImage } from "./split-at-image.js";

function flags(...args: readonly string[]): RunFlags {
  const parsed = parseRunFlags(args);
  if (typeof parsed === "string") throw new Error("help was not asked for");
  return parsed;
}

test("what follows the image belongs to the container, flags too", () => {
  const { image, command, rm } = flags("--rm", "app", "sh", "-c", "echo", "--rm=false", "-d", "--help");
  assert.equal(image, "app");
  assert.deepEqual(command, ["sh", "-c", "echo", "--rm=false", "-d", "--help"]);
  assert.equal(rm, true);
});

test("two hyphens end the flags", () => {
  assert.deepEqual([flags("-i", "--", "app", "-x").image, flags("--", "app", "-x").command], ["app", ["-x"]]);
});

test("bundled letters: the last may take the next word, or the rest of its own", () => {
  assert.deepEqual(pick(flags("-itv", "/a:/b", "-eA=1", "-p80:80", "app")), {
    i: true,
    t: true,
    v: ["/a:/b"],
    e: ["A=1"],
    p: ["80:80"],
    image: "app",
  });
  assert.deepEqual(pick(flags("-itv/a:/b", "app", "-p", "1")), { i: true, t: true, v: ["/a:/b"], e: [], p: [], image: "app" });
});

function pick({ isInteractive, terminal, volume, env, publish, image }: RunFlags): object {
  return { i: isInteractive, t: terminal, v: volume, e: env, p: publish, image };
}

test("a value that looks like a flag is a value", () => {
  assert.equal(flags("--name", "-x", "app").name, "-x");
  assert.equal(flags("--entrypoint=", "app").entrypoint, "");
});

test("booleans can be switched off, as Go's flags can", () => {
  assert.equal(flags("--rm=false", "--init=true", "app").rm, false);
});

test("-h is the host name, --help the help", () => {
  assert.equal(flags("-h", "box", "app").hostname, "box");
  assert.match(String(parseRunFlags(["--help"])), /^Usage: tsbuild run \[flags\] IMAGE/);
});

test("an unknown flag gets a suggestion", () => {
  assert.throws(() => flags("--reed-only", "app"), { code: "USAGE", message: /--reed-only/, hint: "did you mean --read-only?" });
});

test("Docker's flags that can't be honoured say what to do instead", () => {
  for (const args of [["-d"], ["--detach"], ["--gpus", "all"], ["--pid", "host"], ["--health-cmd", "x"]]) {
    assert.throws(() => flags(...args, "app"), { code: "UNSUPPORTED" }, args[0]);
  }
  assert.throws(() => flags("--restart", "always", "app"), { code: "UNSUPPORTED", message: /^--restart always/ });
  assert.equal(flags("--restart=no", "--userns", "host", "app").image, "app");
});

test("an image is wanted", () => {
  assert.throws(() => flags("--rm"), { code: "USAGE", message: /needs an image/ });
  assert.throws(() => flags(), { code: "USAGE" });
});

test("an unknown flag takes no value", () => {
  assert.deepEqual(splitAtImage([{ long: "--name", required: true }], ["--name", "a", "--what", "app"]), {
    flags: ["--name", "a", "--what"],
    rest: ["app"],
  });
});
