import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findProgram } from "./runtime.js";
import { inPrivateNamespace, makeTestRoot } from "./test-support.js";

inPrivateNamespace(import.meta.url, () => {
  test(
    "a container on our own terminal has its size, follows it, and gets our keys",
    { skip: findProgram("script") === undefined || findProgram("crun") === undefined },
    () => {
      using root = makeTestRoot();
      const script =
        "stty size; touch /tmp/sized; until [ \"$(stty size)\" = '50 120' ]; do sleep 0.02; done; echo resized; read line; echo got $line; exit 4";
      const harness = join(root.folder, "harness.mjs");
      // The harness runs on script's terminal, sets its size, and changes it when the container has seen the first one.
      writeFileSync(
        harness,
        `
      import { execFileSync } from "node:child_process";
      import { existsSync } from "node:fs";
      import { runProcess } from ${JSON.stringify(import.meta.resolve("./run.js"))};
      const stty = (rows, cols) => execFileSync("stty", ["rows", rows, "cols", cols], { stdio: "inherit" });
      stty("40", "100");
      const spec = ${JSON.stringify(root.spec({ args: ["sh", "-c", script], terminal: true }))};
      const timer = setInterval(() => { if (existsSync(${JSON.stringify(join(root.rootfs, "tmp/sized"))})) { stty("50", "120"); clearInterval(timer); } }, 20);
      const status = await runProcess(spec, { stdin: "inherit", signal: AbortSignal.timeout(15000) });
      process.stdout.write("code " + status.code + "\\n");
      process.exit(0);`,
      );
      const result = spawnSync("script", ["--quiet", "--return", "--command", `'${process.execPath}' '${harness}'`, "/dev/null"], {
        encoding: "utf8",
        input: "hello\n",
        timeout: 25_000,
      });
      const lines = result.stdout.split(/\r?\n/).map((line) => line.trim());
      for (const wanted of ["40 100", "resized", "got hello", "code 4"])
        assert.ok(lines.includes(wanted), `${wanted} is not in ${JSON.stringify(result.stdout)}`);
    },
  );
});
