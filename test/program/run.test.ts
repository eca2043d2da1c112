/** `tsbuild run` as a user meets it: what it prints, how it ends, what stays and what doesn't. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:net";
import { isRunning } from "../rig/machine.js";
import { type Ended, type Running, eventually, mustEnd, run } from "../rig/process.js";
import { type Rig, rigTest } from "../rig/rig.js";

const READY = "echo ready; while true; do sleep 0.1; done";

/** Runs to a good end and returns what was printed. */
async function output(rig: Rig, ...args: readonly string[]): Promise<string> {
  return mustEnd(await rig.tsbuild(["run", "--rm", "--network=none", ...args])).stdout;
}

function listed(rig: Rig, folder: string): readonly string[] {
  const path = `${rig.root}/v1/${folder}`;
  return existsSync(path) ? readdirSync(path) : [];
}

async function started(rig: Rig, ...args: readonly string[]): Promise<Running> {
  const running = rig.start(["run", ...args]);
  await running.until(({ stdout }) => stdout.includes("ready"));
  return running;
}

async function endedAfter(running: Running, signal: NodeJS.Signals): Promise<Ended> {
  process.kill(running.pid, signal);
  return running.ended;
}

rigTest("an image that was just built runs, and a container with --rm leaves nothing", async (rig) => {
  await rig.makeBase();
  rig.dockerfile(
    "FROM base",
    "ENV GREETING=hello",
    "WORKDIR /srv",
    "VOLUME /data",
    'ENTRYPOINT ["sh", "-c"]',
    'CMD ["echo $GREETING from $(pwd)"]',
  );
  await rig.build(["-t", "app"]);
  assert.equal(await output(rig, "app"), "hello from /srv\n");
  assert.equal(await output(rig, "-e", "GREETING=hi", "-w", "/tmp", "app"), "hi from /tmp\n");
  assert.equal(await output(rig, "--entrypoint", "echo", "app", "-n", "--rm"), "--rm");
  for (const folder of ["containers", "container-names", "volumes"]) assert.deepEqual(listed(rig, folder), [], folder);
});

rigTest("exit codes are Docker's", async (rig) => {
  await rig.makeBase();
  const code = async (...args: readonly string[]): Promise<number | null> =>
    (await rig.tsbuild(["run", "--rm", "--network=none", ...args])).code;
  assert.equal(await code("base", "sh", "-c", "exit 77"), 77);
  assert.equal(await code("base", "sh", "-c", "sh -c 'kill -9 $$'; exit $?"), 137);
  assert.equal(await code("base", "nothing"), 127);
  assert.equal(await code("base", "/etc/passwd"), 126);
  assert.equal(await code("--nothing", "base"), 125);
  assert.equal(await code("--pull=never", "nothing"), 125);
  assert.equal(await code("-v", "relative:also", "base"), 125);
  assert.equal(await code("--mount", "type=bind,src=/no/such/folder,dst=/x", "base", "true"), 125);
});

rigTest("a container stays until it is removed: its name is taken, its state says how it ended", async (rig) => {
  await rig.makeBase();
  assert.equal((await rig.tsbuild(["run", "--network=none", "--name", "mine", "base", "sh", "-c", "echo x > /made; exit 3"])).code, 3);
  const [id = ""] = listed(rig, "containers");
  const state = readFileSync(`${rig.root}/v1/containers/${id}/state`, "utf8");
  assert.match(state, /"status":"exited".*"exitCode":3/);
  assert.equal(readFileSync(`${rig.root}/v1/containers/${id}/fs/made`, "utf8"), "x\n");
  assert.deepEqual(readdirSync(`${rig.root}/v1/containers/${id}/fs`), ["made"]);
  const second = await rig.tsbuild(["run", "--network=none", "--name", "mine", "base", "true"]);
  assert.equal(second.code, 125);
  assert.match(second.stderr, /The container name "\/mine" is already in use by container/);
  assert.deepEqual(listed(rig, "containers"), [id]);
});

rigTest("standard input is passed on with -i only", async (rig) => {
  await rig.makeBase();
  const cat = async (...flags: readonly string[]): Promise<string> =>
    mustEnd(await rig.tsbuild(["run", "--rm", "--network=none", ...flags, "base", "cat"], { input: "to the end\n" })).stdout;
  assert.equal(await cat("-i"), "to the end\n");
  assert.equal(await cat(), "");
});

rigTest("signals reach the command, and the second Ctrl-C kills what doesn't listen", async (rig) => {
  await rig.makeBase();
  for (const [signal, name] of [
    ["SIGTERM", "TERM"],
    ["SIGUSR1", "USR1"],
    ["SIGHUP", "HUP"],
    ["SIGINT", "INT"],
  ] as const) {
    const running = await started(rig, "--rm", "--network=none", "base", "sh", "-c", `trap 'echo got; exit 7' ${name}; ${READY}`);
    const { code, stdout } = await endedAfter(running, signal);
    assert.deepEqual([code, stdout], [7, "ready\ngot\n"], signal);
  }
  const deaf = await started(rig, "--rm", "--network=none", "base", "sh", "-c", `trap '' INT; ${READY}`);
  process.kill(deaf.pid, "SIGINT");
  // Within 50 ms the second is taken for the same key press.
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal((await endedAfter(deaf, "SIGINT")).code, 137);
});

rigTest("a killed tsbuild takes its container along, and the next command cleans up", async (rig) => {
  await rig.makeBase();
  const running = await started(rig, "--name", "victim", "-p", "0:80", "base", "sh", "-c", `echo $$ > /pid; ${READY}`);
  running.killGroup("SIGKILL");
  await running.ended;
  assert.ok(await eventually(() => (isRunning(running.pid) ? undefined : true), 5000));
  mustEnd(await rig.tsbuild(["run", "--rm", "--network=none", "base", "true"]));
  const [id = ""] = listed(rig, "containers");
  assert.match(readFileSync(`${rig.root}/v1/containers/${id}/state`, "utf8"), /"status":"exited".*"exitCode":137/);
  assert.deepEqual(listed(rig, "container-names"), ["victim"]);
});

rigTest("volumes and binds: what is written is where it belongs", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base", "RUN mkdir -p /data/sub && echo seed > /data/seed && chown -R 1000:1000 /data");
  await rig.build(["-t", "app"]);
  assert.equal(
    await output(rig, "-v", "vol:/data", "app", "sh", "-c", "stat -c %u /data/seed; cat /data/seed; echo new > /data/seed"),
    "1000\nseed\n",
  );
  assert.equal(
    await output(rig, "-v", "vol:/other:ro", "app", "sh", "-c", "cat /other/seed; echo x > /other/x || echo refused"),
    "new\nrefused\n",
  );
  await output(rig, "-v", `${rig.path("made")}:/b`, "app", "sh", "-c", "echo bound > /b/file");
  assert.equal(readFileSync(rig.path("made/file"), "utf8"), "bound\n");
  mkdirSync(rig.path("etc"));
  writeFileSync(rig.path("etc/own"), "");
  assert.equal(await output(rig, "-v", `${rig.path("etc")}:/etc`, "--hostname", "box", "app", "cat", "/etc/hostname"), "box\n");
  assert.equal(await output(rig, "--tmpfs", "/t:size=1m,mode=700", "app", "stat", "-c", "%a", "/t"), "700\n");
  assert.deepEqual(listed(rig, "volumes"), ["vol"]);
});

rigTest("a published port leads to the container, and a taken one is an error", async (rig) => {
  await rig.makeBase();
  const port = await freePort();
  const web = await started(
    rig,
    "--rm",
    "-p",
    `${port}:80`,
    "base",
    "sh",
    "-c",
    "mkdir /w; echo served > /w/f; echo ready; exec httpd -f -p 80 -h /w",
  );
  assert.match(web.stderr, new RegExp(`127\\.0\\.0\\.1:${port}->80/tcp`));
  const answer = await eventually(
    async () => ((await run("curl", ["-sf", `http://127.0.0.1:${port}/f`])).stdout === "served\n" ? true : undefined),
    5000,
  );
  assert.equal(answer, true);
  const second = await rig.tsbuild(["run", "--rm", "-p", `${port}:80`, "base", "true"]);
  assert.equal(second.code, 125);
  assert.match(second.stderr, /already/);
  web.killGroup("SIGKILL");
  await web.ended;
  mustEnd(await rig.tsbuild(["run", "--rm", "--network=none", "base", "true"]));
});

rigTest("limits are kept, and who was killed for memory is told", async (rig) => {
  await rig.makeBase();
  const hungry = await rig.tsbuild([
    "run",
    "--name",
    "hungry",
    "--network=none",
    "-m",
    "16m",
    "--memory-swap",
    "16m",
    "base",
    "sh",
    "-c",
    "exec awk 'BEGIN { s = \"xxxxxxxxxxxxxxxx\"; while (1) s = s s }'",
  ]);
  assert.equal(hungry.code, 137);
  assert.match(hungry.stderr, /memory limit/);
  const [id = ""] = listed(rig, "containers");
  assert.match(readFileSync(`${rig.root}/v1/containers/${id}/state`, "utf8"), /"isOomKilled":true/);
});

rigTest("the container's ID is written where --cidfile says, once", async (rig) => {
  await rig.makeBase();
  const path = rig.path("cid");
  await output(rig, "--cidfile", path, "base", "true");
  assert.match(readFileSync(path, "utf8"), /^[0-9a-f]{64}$/);
  const { mtimeMs } = statSync(path);
  assert.equal((await rig.tsbuild(["run", "--rm", "--cidfile", path, "base", "true"])).code, 125);
  assert.equal(statSync(path).mtimeMs, mtimeMs);
});

rigTest("an image can be named by the beginning of its ID", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base", 'CMD ["echo", "by id"]');
  const { imageId } = await rig.build();
  assert.equal(await output(rig, imageId), "by id\n");
  assert.equal(await output(rig, imageId.slice("sha256:".length, 20)), "by id\n");
});

async function freePort(): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
