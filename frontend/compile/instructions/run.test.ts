import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExecMount, ExecOp } from "../../../llb/op.js";
import { compileText, onlyTarget } from "../request-fixture.js";
import type { CompileRequest } from "../types.js";

async function execOp(lines: string, changes: Partial<CompileRequest> = {}): Promise<ExecOp> {
  const op = onlyTarget(await compileText(`FROM busybox\n${lines}`, changes)).root?.op;
  assert.ok(op?.kind === "exec");
  return op;
}

async function mount(text: string, changes: Partial<CompileRequest> = {}): Promise<ExecMount> {
  const [first] = (await execOp(`RUN --mount=${text} x`, changes)).mounts;
  assert.ok(first !== undefined);
  return first;
}

test("shell form is run by the shell, exec form is not", async () => {
  assert.deepEqual((await execOp("RUN echo  'a'  $B")).args, ["/bin/sh", "-c", "echo  'a'  $B"]);
  assert.deepEqual((await execOp('RUN ["echo", "$B"]')).args, ["echo", "$B"]);
  assert.deepEqual((await execOp('SHELL ["/b", "-x"]\nRUN a')).args, ["/b", "-x", "a"]);
});

test("user and folder are those of the image so far", async () => {
  const { user, cwd } = await execOp("USER app:staff\nWORKDIR /a\nWORKDIR b\nRUN x");
  assert.deepEqual({ user, cwd }, { user: "app:staff", cwd: "/a/b" });
});

test("a heredoc alone is a script", async () => {
  assert.deepEqual((await execOp("RUN <<EOF\na\nb\nEOF\n")).args, ["/bin/sh", "-c", "a\nb\n"]);
  assert.deepEqual((await execOp("RUN <<-'E F'\n\ta\nE F\n")).args, ["/bin/sh", "-c", "a\n"]);
});

test("a heredoc beside a command goes back to the shell", async () => {
  assert.deepEqual((await execOp("RUN cat <<A 3<<B\na\nA\nb\nB\n")).args, ["/bin/sh", "-c", "cat <<A 3<<B\na\nA\nb\nB"]);
});

test("a script with an interpreter is mounted as a file", async () => {
  const { args, mounts } = await execOp("RUN <<EOF\n#!/bin/awk -f\nEOF\n");
  assert.deepEqual(args, ["/bin/sh", "-c", "/dev/pipes/EOF"]);
  assert.deepEqual(mounts, [{ type: "bind", input: 1, target: "/dev/pipes", source: "/", writable: false }]);
});

test("a bind mount reads the context, read-only, unless told otherwise", async () => {
  assert.deepEqual(await mount("target=/x"), { type: "bind", input: 1, target: "/x", source: "/", writable: false });
  assert.deepEqual(await mount("type=bind,src=../a/b,dst=/x,rw"), { type: "bind", input: 1, target: "/x", source: "/a/b", writable: true });
  assert.deepEqual(await mount("from=configured,target=/x,rw=false"), {
    type: "bind",
    input: 1,
    target: "/x",
    source: "/",
    writable: false,
  });
});

test("a cache mount is named after its target, and belongs to a namespace where one is given", async () => {
  assert.deepEqual(await mount("type=cache,target=/c/"), {
    type: "cache",
    target: "/c",
    id: "/c",
    sharing: "shared",
    readonly: false,
    mode: 0o755,
    uid: 0,
    gid: 0,
  });
  const named = await mount("type=cache,target=/c,id=x,sharing=private,ro,mode=0700,uid=1,gid=2", {
    buildArgs: new Map([["BUILDKIT_CACHE_MOUNT_NS", "n"]]),
  });
  assert.deepEqual(named, { type: "cache", target: "/c", id: "n/x", sharing: "private", readonly: true, mode: 0o700, uid: 1, gid: 2 });
});

test("a secret is a file, unless only a variable is asked for", async () => {
  const rest = { required: false, mode: 0o400, uid: 0, gid: 0 };
  assert.deepEqual(await mount("type=secret,id=a"), { type: "secret", id: "a", target: "/run/secrets/a", ...rest });
  assert.deepEqual(await mount("type=secret,id=a,env=A"), { type: "secret", id: "a", env: "A", ...rest });
  assert.deepEqual(await mount("type=secret,id=a,env=A,target=/t"), { type: "secret", id: "a", target: "/t", env: "A", ...rest });
  assert.deepEqual(await mount("type=secret,target=/t/k"), { type: "secret", id: "k", target: "/t/k", ...rest });
  assert.deepEqual(await mount("type=secret,source=s,required=true"), {
    type: "secret",
    id: "s",
    target: "/run/secrets/s",
    ...rest,
    required: true,
  });
});

test("an ssh mount announces its socket", async () => {
  const { env, mounts } = await execOp("RUN --mount=type=ssh,id=x,mode=0666 y");
  assert.deepEqual(mounts, [{ type: "ssh", id: "x", target: "/run/buildkit/ssh_agent.0", required: false, mode: 0o666, uid: 0, gid: 0 }]);
  assert.equal(env.at(-1), "SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0");
});

test("a tmpfs has a size in units", async () => {
  assert.deepEqual(await mount("type=tmpfs,target=/t,size=1.5k"), { type: "tmpfs", target: "/t", sizeBytes: 1536 });
});

test("escaped quotes protect commas, and values take variables", async () => {
  const [first] = (await execOp('ARG D=/d\nRUN --mount=type=bind,\\"source=a,b\\",target=$D x')).mounts;
  assert.deepEqual(first, { type: "bind", input: 1, target: "/d", source: "/a,b", writable: false });
});

test("two mounts of one tree share an input", async () => {
  const { mounts } = await execOp("RUN --mount=target=/a --mount=target=/b x");
  assert.deepEqual(
    mounts.map((each) => (each.type === "bind" ? each.input : undefined)),
    [1, 1],
  );
});

test("the request's network is the default one of RUN", async () => {
  assert.equal((await execOp("RUN x", { network: "host" })).network, "host");
  assert.equal((await execOp("RUN --network=default x", { network: "none" })).network, "none");
  assert.equal((await execOp("RUN --network=host x", { allow: new Set(["network.host"]) })).network, "host");
});

test("what the request asks of every RUN is in the op", async () => {
  const op = await execOp("RUN x", {
    extraHosts: ["a:1.2.3.4"],
    limits: { pids: 5 },
    buildArgs: new Map([["BUILDKIT_SANDBOX_HOSTNAME", "box"]]),
  });
  assert.deepEqual([op.extraHosts, op.limits, op.hostname], [["a:1.2.3.4"], { pids: 5 }, "box"]);
  assert.equal((await execOp("RUN x")).hostname, "buildkitsandbox");
});

test("a process on an empty stage gets an empty root", async () => {
  const { root } = onlyTarget(await compileText('FROM scratch\nRUN --mount=from=busybox,target=/bin ["/bin/sh"]'));
  assert.deepEqual(root?.inputs[0]?.op, { kind: "file", base: false, actions: [] });
});

test("the name of a step shows variables but not those of a secret", async () => {
  const { graph, targets } = await compileText(
    "FROM busybox\nARG A=1\nENV TOKEN=no\nRUN --mount=type=secret,id=t,env=TOKEN echo $A ${A} '$A' \\$A $B $TOKEN $(pwd)",
  );
  const root = targets[0]?.root;
  assert.ok(root !== undefined);
  assert.equal(graph.meta(root).name, "[2/2] RUN --mount=type=secret,id=t,env=TOKEN echo 1 1 '$A' \\$A $B $TOKEN $(pwd)");
});

test("bodies beside a command keep their tabs: the shell takes them away", async () => {
  assert.deepEqual((await execOp("RUN cat <<-E > /a\n\tone\n\tE")).args, ["/bin/sh", "-c", "cat <<-E > /a\n\tone\nE"]);
});

test("a heredoc alone is one with blanks before its word too", async () => {
  assert.deepEqual((await execOp("RUN << E\necho one\nE")).args, ["/bin/sh", "-c", "echo one\n"]);
  assert.deepEqual((await execOp("RUN <<'E F'\necho one\nE F")).args, ["/bin/sh", "-c", "echo one\n"]);
});

test("a mount without a target lies on the working directory", async () => {
  const { root } = onlyTarget(await compileText("FROM busybox\nWORKDIR /w\nRUN --mount=type=bind x"));
  assert.equal(root?.op.kind === "exec" && root.op.mounts[0]?.target, "/w");
  await assert.rejects(compileText("FROM busybox\nRUN --mount=type=bind x"), {
    code: "DOCKERFILE_MOUNT",
    message: /invalid mount target "\/"/,
  });
});

test("a cache is known by its target as written, in any working directory", async () => {
  const { root } = onlyTarget(await compileText("FROM busybox\nWORKDIR /w\nRUN --mount=type=cache,target=./a/b/,sharing=LOCKED x"));
  const mount = root?.op.kind === "exec" ? root.op.mounts[0] : undefined;
  assert.ok(mount?.type === "cache");
  assert.deepEqual([mount.id, mount.target, mount.sharing], ["a/b", "/w/a/b", "locked"]);
});

test("sockets of agents are numbered with those that have a place of their own, and a variable that is set stays", async () => {
  const { mounts, env } = await execOp("RUN --mount=type=ssh,target=/s --mount=type=ssh,id=x y");
  assert.deepEqual(
    mounts.map((mount) => "target" in mount && mount.target),
    ["/s", "/run/buildkit/ssh_agent.1"],
  );
  assert.ok(env.includes("SSH_AUTH_SOCK=/s"));
  const { root } = onlyTarget(await compileText("FROM busybox\nENV SSH_AUTH_SOCK=/own\nRUN --mount=type=ssh x"));
  assert.deepEqual(root?.op.kind === "exec" && root.op.env.filter((variable) => variable.startsWith("SSH")), ["SSH_AUTH_SOCK=/own"]);
});
