/** Hostile Dockerfiles, images and contexts, fed to the real program. Numbers: the rows of the list of hostile inputs. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Ended, mustEnd, run } from "../rig/process.js";
import { launcherPath } from "../rig/project.js";
import { type BuildRun, type Rig, rigTest } from "../rig/rig.js";
import { SOCKET_WORDS, type SystemCall, syscallProgram } from "../rig/syscall-program.js";

const CANARY = "nobody may touch this\n";

/** A folder on the host that no build may change or read. */
function makeCanary(rig: Rig): string {
  const folder = rig.path("canary");
  mkdirSync(folder);
  writeFileSync(join(folder, "file"), CANARY, { mode: 0o600 });
  return folder;
}

function assertCanary(rig: Rig): void {
  assert.deepEqual(readdirSync(rig.path("canary")), ["file"]);
  assert.equal(readFileSync(rig.path("canary/file"), "utf8"), CANARY);
  assert.equal(lstatSync(rig.path("canary/file")).mode & 0o7777, 0o600);
}

function logOf({ steps }: BuildRun): string {
  return steps.map(({ log }) => log).join("");
}

async function outputOf(rig: Rig, ...lines: readonly string[]): Promise<string> {
  rig.dockerfile("FROM base", ...lines);
  return logOf(await rig.build(["--no-cache"]));
}

async function refused(rig: Rig, message: RegExp, ...lines: readonly string[]): Promise<Ended> {
  rig.dockerfile(...lines);
  const ended = await rig.tsbuild(["build", "--progress=plain", rig.context], { timeoutMs: 30_000 });
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(ended.stderr, message);
  return ended;
}

/** True of `needle` anywhere in a file of the store. */
function storeHas(rig: Rig, needle: string): boolean {
  try {
    execFileSync("grep", ["-rqF", needle, rig.root], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

rigTest("S-20 a step that moves what was mounted for it, and links elsewhere, makes nothing vanish outside", async (rig) => {
  await rig.makeBase();
  const canary = makeCanary(rig);
  await outputOf(
    rig,
    `RUN --network=none --mount=type=tmpfs,target=/a/b/file --mount=type=cache,target=/c/d umount /a/b/file; mv /a/b /elsewhere; ln -sfn ${canary} /a/b; rm -rf /c; ln -s ${canary} /c; true`,
  );
  assertCanary(rig);
});

rigTest("S-21 a cache mount's id is never a path", async (rig) => {
  await rig.makeBase();
  const canary = makeCanary(rig);
  const log = await outputOf(
    rig,
    `RUN --network=none --mount=type=cache,id=${canary},target=/c ls -A /c; echo x > /c/x`,
    `RUN --network=none --mount=type=cache,id=../../../../../..${canary},target=/c ls -A /c; echo x > /c/x`,
  );
  assert.equal(log, "");
  assertCanary(rig);
});

rigTest("S-22 sources of mounts and copies are resolved inside the image that they are in", async (rig) => {
  await rig.makeBase();
  const canary = makeCanary(rig);
  const evil = [
    "FROM base AS evil",
    `RUN --network=none ln -s ${canary} /abs && ln -s ../../../../..${canary} /rel && ln -s / /root`,
    "FROM base",
  ];
  await refused(rig, /"\/abs"/, ...evil, "RUN --network=none --mount=type=bind,from=evil,source=/abs,target=/m cat /m/file");
  await refused(rig, /\/rel\/file/, ...evil, "COPY --from=evil /rel/file /x");
  rig.dockerfile(...evil, "RUN --network=none --mount=type=bind,from=evil,source=/root,target=/m ls /m");
  assert.match(logOf(await rig.build()), /^abs\nbin\n/);
  assertCanary(rig);
});

rigTest("S-23 S-25 unknown mount options and privileges that nobody allowed stop the build before it begins", async (rig) => {
  await rig.makeBase();
  await refused(rig, /bind-propagation/, "FROM base", "RUN --mount=type=bind,target=/m,bind-propagation=shared true");
  await refused(rig, /security\.insecure/, "FROM base", "RUN --security=insecure true");
  await refused(rig, /network\.host/, "FROM base", "RUN --network=host true");
});

rigTest("S-27 the working directory is a folder of the image, whatever links lead to it", async (rig) => {
  await rig.makeBase();
  for (const cwd of ["/proc/self/fd/8", "/dev/fd/3"]) await refused(rig, /working directory/, "FROM base", `WORKDIR ${cwd}`, "RUN pwd");
  for (const target of ["/proc/self/fd/7", "../../proc/1/cwd"])
    await refused(rig, /working directory/, "FROM base", `RUN --network=none ln -s ${target} /link`, "WORKDIR /link", "RUN pwd");
  assert.equal(
    await outputOf(rig, "RUN --network=none mkdir -p /a/b && ln -s a/b /link", "WORKDIR /link", "RUN --network=none pwd"),
    "/a/b\n",
  );
});

rigTest("S-28 a user out of range is an error and never root; the image's user list is read only when it is a file", async (rig) => {
  await rig.makeBase();
  for (const user of ["2147483648:0", "0:4294967296", "-1"])
    await refused(rig, /out of range|is not a user/, "FROM base", `USER ${user}`, "RUN id");
  for (const make of ["mkfifo /etc/passwd", "mknod /etc/passwd c 1 8"])
    await refused(rig, /passwd is not a regular file/, "FROM base", `RUN --network=none rm /etc/passwd && ${make}`, "USER user", "RUN id");
  await refused(rig, /larger than 10 MiB/, "FROM base", "RUN --network=none truncate -s 11M /etc/passwd", "USER user", "RUN id");
  await refused(
    rig,
    /unable to find user daemon/,
    "FROM base",
    "RUN --network=none rm /etc/passwd && ln -s ../../../../../etc/passwd /etc/passwd && mv /etc /etc2; mkdir /etc; ln -s /proc/1/root/etc/passwd /etc/passwd",
    "USER daemon",
    "RUN id",
  );
});

rigTest("S-33 links of the context are followed inside it only", async (rig) => {
  await rig.makeBase();
  const canary = makeCanary(rig);
  symlinkSync(join(canary, "file"), join(rig.context, "abs"));
  symlinkSync("../canary/file", join(rig.context, "rel"));
  symlinkSync(canary, join(rig.context, "folder"));
  for (const name of ["abs", "rel", "folder/file"]) await refused(rig, /not found in the build context/, "FROM base", `COPY ${name} /x`);
  const log = await outputOf(rig, "COPY . /all", "RUN --network=none cd /all; readlink abs; readlink rel; readlink folder");
  assert.equal(log, `${canary}/file\n../canary/file\n${canary}\n`);
});

rigTest("S-34 S-35 a FIFO in the place of a file that is read holds nothing up", async (rig) => {
  await rig.makeBase();
  execFileSync("mkfifo", [join(rig.context, ".dockerignore")]);
  await refused(rig, /\.dockerignore is not a regular file/, "FROM base", "COPY . /x");
  rmSync(join(rig.context, ".dockerignore"));
  rmSync(join(rig.context, "Dockerfile"));
  execFileSync("mkfifo", [join(rig.context, "Dockerfile")]);
  const ended = await rig.tsbuild(["build", rig.context], { timeoutMs: 30_000 });
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(ended.stderr, /Dockerfile is not a regular file/);
});

rigTest("S-38 a folder that is exported gets nothing through links, and no devices", async (rig) => {
  await rig.makeBase();
  const canary = makeCanary(rig);
  const out = rig.path("out");
  mkdirSync(out);
  symlinkSync(canary, join(out, "x"));
  rig.dockerfile(
    "FROM base AS made",
    `RUN --network=none mkdir -p /o/x && echo new > /o/x/file && ln -s ${canary} /o/l && ln -s ${canary}/file /o/f`,
    "FROM scratch",
    "COPY --from=made /o /",
  );
  mustEnd(await rig.tsbuild(["build", "-q", "-o", out, rig.context]));
  assert.equal(readFileSync(join(out, "x/file"), "utf8"), "new\n");
  assert.equal(lstatSync(join(out, "l")).isSymbolicLink(), true);
  assertCanary(rig);
  for (const make of ["mknod /o/node b 8 0", "mknod /o/node c 1 3", "mkfifo /o/node"]) {
    rig.dockerfile("FROM base AS made", `RUN --network=none mkdir /o && ${make}`, "FROM scratch", "COPY --from=made /o /");
    const ended = await rig.tsbuild(["build", "-q", "-o", rig.path("out2"), rig.context]);
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stderr, /"\/node" is a (device|FIFO)/);
    assert.equal(existsSync(rig.path("out2/node")), false);
  }
});

rigTest("S-41 a step's output moves no cursor, and orders nothing from a CI runner", async (rig) => {
  await rig.makeBase();
  const evil = String.raw`\033]52;c;aGk=\007\033[2J\033]0;title\007::set-output name=a::b\n  ::add-mask::x\n##vso[task.setvariable variable=a]b\n##[error]c\n\302\2332J`;
  const { stderr } = await refused(rig, /exit code: 3/, "FROM base", `RUN --network=none printf '${evil}\\n'; exit 3`);
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(stderr, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  assert.doesNotMatch(stderr.replaceAll(/^.*(RUN|process).*$/gm, ""), /^\s*::(set-output|add-mask)|##vso\[|##\[error/m);
});

rigTest("S-44 a step can't get at the runtime by /proc/self/exe", async (rig) => {
  await rig.makeBase();
  const before = execFileSync("sh", ["-c", 'sha256sum "$(command -v crun || command -v runc)" "$(command -v node)"'], { encoding: "utf8" });
  rig.dockerfile(
    "FROM base",
    String.raw`RUN --network=none printf '#!/proc/self/exe\n' > /x && chmod +x /x && ln -s /proc/self/exe /y`,
    'RUN --network=none ["/x"]',
  );
  await rig.tryBuild();
  rig.dockerfile("FROM base", "RUN --network=none ln -s /proc/self/exe /y", 'RUN --network=none ["/y", "sh"]');
  await rig.tryBuild();
  assert.equal(
    execFileSync("sh", ["-c", 'sha256sum "$(command -v crun || command -v runc)" "$(command -v node)"'], { encoding: "utf8" }),
    before,
  );
});

rigTest(
  "S-45 S-56 S-58 S-61 a step has three descriptors, fourteen capabilities, no groups of the caller and no core files",
  async (rig) => {
    await rig.makeBase();
    const log = await outputOf(
      rig,
      "RUN --network=none --mount=type=cache,target=/c --mount=type=bind,target=/b ls /proc/1/fd; grep -E '^(Cap|Groups|Seccomp:)' /proc/self/status; ulimit -c; ulimit -Hc; ulimit -c unlimited 2>/dev/null && echo raised; true",
    );
    assert.equal(
      log.replaceAll("\t", " "),
      [
        "0",
        "1",
        "2",
        "Groups: 0 ",
        "CapInh: 0000000000000000",
        "CapPrm: 00000000a80425fb",
        "CapEff: 00000000a80425fb",
        "CapBnd: 00000000a80425fb",
        "CapAmb: 0000000000000000",
        "Seccomp: 2",
        "0",
        "0",
        "",
      ].join("\n"),
    );
  },
);

rigTest("S-46 S-49 links and files in the place of /dev, /proc and /sys are refused, and nothing is made where they lead", async (rig) => {
  await rig.makeBase();
  const canary = makeCanary(rig);
  for (const name of ["dev", "proc", "sys"]) {
    rmSync(join(rig.context, "tree"), { recursive: true, force: true });
    mkdirSync(join(rig.context, "tree"));
    symlinkSync(canary, join(rig.context, "tree", name));
    await refused(
      rig,
      new RegExp(`the image's /${name} is not a folder`),
      "FROM scratch",
      "COPY --from=base /bin /bin",
      "COPY tree /",
      'RUN --network=none ["/bin/sh", "-c", "ls -la /"]',
    );
    assertCanary(rig);
  }
  rmSync(join(rig.context, "tree"), { recursive: true });
  rig.write("tree/dev", "a file");
  await refused(
    rig,
    /the image's \/dev is not a folder/,
    "FROM scratch",
    "COPY --from=base /bin /bin",
    "COPY tree /",
    'RUN --network=none ["/bin/true"]',
  );
});

rigTest("S-49 mounts go where links lead inside the root", async (rig) => {
  await rig.makeBase();
  const canary = makeCanary(rig);
  mkdirSync(join(rig.context, "tree/etc"), { recursive: true });
  symlinkSync(join(canary, "file"), join(rig.context, "tree/etc/resolv.conf"));
  symlinkSync(`../../../../..${canary}/new`, join(rig.context, "tree/etc/hosts"));
  symlinkSync(canary, join(rig.context, "tree/t"));
  const log = await outputOf(
    rig,
    "COPY tree /",
    "RUN --network=none --mount=type=tmpfs,target=/t/deep --mount=type=cache,target=/t/cache echo x > /t/deep/x; echo x > /t/cache/x; echo x > /etc/hosts; echo x > /etc/resolv.conf; echo written",
  );
  assert.equal(log, "written\n");
  assertCanary(rig);
  await refused(
    rig,
    /could not be started/,
    "FROM base",
    "RUN --network=none ln -s /proc/1/root /t",
    "RUN --network=none --mount=type=tmpfs,target=/t/x true",
  );
});

rigTest("S-47 S-50 kernel files are masked or can't be written, and filesystems can't be mounted", async (rig) => {
  await rig.makeBase();
  const log = await outputOf(
    rig,
    "RUN --network=none for f in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts /proc/acpi /sys/firmware; do [ -d $f ] && ls -A $f || cat $f 2>/dev/null; done; for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/irq/default_smp_affinity /sys/kernel/mm/ksm/run /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/devices/release_agent; do [ -e $f ] && (echo 1 > $f) 2>/dev/null && echo wrote $f; done; mkdir /m; mount -t proc proc /m 2>/dev/null && echo mounted; mount -t tmpfs t /m 2>/dev/null && echo mounted; umount /proc/keys 2>/dev/null && echo unmounted; mount -o remount,rw /sys 2>/dev/null && echo remounted; unshare -Urm true 2>/dev/null && echo unshared; echo end",
  );
  assert.equal(log, "end\n");
});

const DENIED: Readonly<Record<string, SystemCall>> = {
  "socket-alg": { number: 41, args: [38, 5, 0], abi: "amd64" },
  "socket-vsock": { number: 41, args: [40, 1, 0], abi: "amd64" },
  "unshare-user": { number: 272, args: [0x10000000], abi: "amd64" },
  "clone-user": { number: 56, args: [0x10000011], abi: "amd64" },
  bpf: { number: 321, args: [0], abi: "amd64" },
  perf: { number: 298, args: [0], abi: "amd64" },
  userfaultfd: { number: 323, args: [0], abi: "amd64" },
  "io-uring": { number: 425, args: [1], abi: "amd64" },
  "add-key": { number: 248, args: [0], abi: "amd64" },
  "request-key": { number: 249, args: [0], abi: "amd64" },
  keyctl: { number: 250, args: [0, -3], abi: "amd64" },
  "open-by-handle": { number: 304, args: [0], abi: "amd64" },
  kexec: { number: 246, args: [0], abi: "amd64" },
  fsopen: { number: 430, args: [0], abi: "amd64" },
  "open-tree": { number: 428, args: [0], abi: "amd64" },
  setns: { number: 308, args: [0], abi: "amd64" },
  "x32-socket-alg": { number: 0x40000029, args: [38, 5, 0], abi: "amd64" },
  "x32-keyctl": { number: 0x400000fa, args: [0, -3], abi: "amd64" },
  "i386-socket-alg": { number: 359, args: [38, 5, 0], abi: "i386" },
  "i386-socket-vsock": { number: 359, args: [40, 1, 0], abi: "i386" },
  "i386-keyctl": { number: 288, args: [0, -3], abi: "i386" },
  "i386-mount": { number: 21, args: [0], abi: "i386" },
  "i386-unshare-user": { number: 310, args: [0x10000000], abi: "i386" },
  "i386-bpf": { number: 357, args: [0], abi: "i386" },
};

rigTest(
  "S-51 S-55 system calls that break out are denied, for programs of 64 and of 32 bits",
  async (rig) => {
    await rig.makeBase();
    for (const [name, call] of Object.entries(DENIED)) rig.write(`calls/${name}`, syscallProgram(call), 0o755);
    rig.write("calls/clone3", syscallProgram({ number: 435, args: [0], abi: "amd64" }), 0o755);
    rig.write("calls/i386-socketcall-alg", syscallProgram({ number: 102, args: [1, SOCKET_WORDS], abi: "i386" }), 0o755);
    const log = await outputOf(rig, "COPY calls /calls", "RUN --network=none cd /calls; for f in *; do ./$f; echo $f $?; done");
    const answers = new Map(
      log
        .trim()
        .split("\n")
        .map((line) => line.split(" ") as [string, string]),
    );
    const { clone3, "i386-socketcall-alg": viaSocketcall, ...others } = Object.fromEntries(answers);
    assert.deepEqual(others, Object.fromEntries(Object.keys(DENIED).map((name) => [name, "1"])));
    assert.equal(clone3, "38", "ENOSYS makes a libc fall back to clone");
    assert.ok(viaSocketcall === "1" || viaSocketcall === "97", `socketcall opens no AF_ALG: ${viaSocketcall}`);
  },
  { skip: process.arch === "x64" ? false : "the programs are for x86-64" },
);

rigTest(
  "S-52 S-53 a step with the network reaches no metadata service, however it is written; one without reaches nothing",
  async (rig) => {
    await rig.makeBase();
    const log = await outputOf(
      rig,
      "RUN for a in 169.254.169.254 0xA9FEA9FE 2852039166 169.254.170.2; do nc -w 1 $a 80 </dev/null >/dev/null 2>&1 && echo reached $a; done; ip route add 169.254.169.254 dev eth0 2>/dev/null && echo routed; echo end",
      "RUN --network=none nc -w 1 1.1.1.1 80 2>&1; ping -c 1 -W 1 1.1.1.1 2>&1 | grep -c 'Network is unreachable'; ls /sys/class/net",
    );
    assert.match(log, /^end\nnc: can't connect to remote host \(1\.1\.1\.1\): Network is unreachable\n1\nlo\n$/);
  },
);

rigTest("S-54 steps side by side can't reach one another, nor see each other's processes and shared memory", async (rig) => {
  await rig.makeBase();
  rig.dockerfile(
    "FROM base AS a",
    "RUN --mount=type=cache,id=talk,target=/x touch /dev/shm/a; (echo secret | nc -l -p 9999 > /x/got &); ip addr show eth0 | sed -n 's/.*inet \\([0-9.]*\\).*/\\1/p' > /x/ip; i=0; while [ ! -f /x/done ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done; cat /x/got",
    "FROM base AS b",
    "RUN --mount=type=cache,id=talk,target=/x i=0; while [ ! -s /x/ip ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done; ip=$(cat /x/ip); [ -n \"$ip\" ] || echo alone; echo hello | nc -w 1 $ip 9999 2>/dev/null && echo reached; ping -c 1 -W 1 $ip >/dev/null && echo pinged; ls /dev/shm; ps | grep -v grep | grep 'nc -l'; touch /x/done",
    "FROM base",
    "COPY --from=a /etc/group /a",
    "COPY --from=b /etc/group /b",
  );
  assert.equal(logOf(await rig.build()), "");
});

rigTest("S-60 what a step leaves running ends with it", async (rig) => {
  await rig.makeBase();
  const log = await outputOf(
    rig,
    "RUN --network=none (setsid sleep 7391 >/dev/null 2>&1 &); (trap '' TERM HUP INT; sleep 7391) & (setsid setsid sleep 7391 &) ; echo started",
    "RUN --network=none ps | grep -v grep | grep 7391; echo end",
  );
  assert.equal(log, "started\nend\n");
});

rigTest("S-64 a secret is in no file of the store while the step runs, nor afterwards", async (rig) => {
  await rig.makeBase();
  writeFileSync(rig.path("secret"), "sesame-4711");
  rig.dockerfile(
    "FROM base",
    'RUN --network=none --mount=type=secret,id=s,env=WORD --mount=type=secret,id=s,target=/t/secret --mount=type=cache,target=/c [ "$WORD" = "$(cat /t/secret)" ] && stat -c %a /t/secret; ln /t/secret /c/hard 2>/dev/null; mount --bind /t/secret /c 2>/dev/null; (sleep 99 < /t/secret &); echo ready; i=0; while [ ! -f /c/go ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done; rm -f /c/go; find / -xdev -name hard',
  );
  const running = rig.start(rig.buildArgs(["--secret", `id=s,src=${rig.path("secret")}`]));
  await running.until(
    ({ stderr }) => stderr.includes(Buffer.from("ready\n").toString("base64").slice(0, 7)) || /NDAwCnJlYWR5/.test(stderr),
  );
  assert.equal(storeHas(rig, "sesame-4711"), false, "while it runs");
  const mounts = join(rig.root, "v1/mounts");
  for (const name of readdirSync(mounts)) writeFileSync(join(mounts, name, "fs/go"), "");
  mustEnd(await running.ended);
  assert.equal(storeHas(rig, "sesame-4711"), false, "afterwards");
});

rigTest(
  "R-39 a step that prints much and long lines, closes its outputs and reads its input neither blocks nor fills the memory",
  async (rig) => {
    await rig.makeBase();
    rig.dockerfile(
      "FROM base",
      "RUN --network=none cat; dd if=/dev/zero bs=1M count=10 2>/dev/null | tr '\\0' x; echo; yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | head -c 60000000; (while :; do sleep 1; done) & exec >&- 2>&-",
      "RUN --network=none echo next",
    );
    mustEnd(await rig.tsbuild(["build", "--progress=plain", rig.context]));
    const logs = execFileSync("find", [join(rig.root, "v1/builds"), "-name", "*.log", "-size", "+60000k"], { encoding: "utf8" });
    const [log] = logs.trim().split("\n");
    assert.ok(log !== undefined && log !== "", "the whole output is on disk");
    assert.equal(lstatSync(log).size, 10 * 1024 * 1024 + 1 + 60_000_000);
  },
);

rigTest("R-40 a current folder that is gone and a closed output are named in one line", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base", "RUN --network=none echo x > /x");
  const inShell = (script: string): Promise<Ended> =>
    run("sh", ["-c", script, "sh", launcherPath(), rig.context], {
      cwd: rig.path(),
      env: { ...process.env, TSBUILD_ROOT: rig.root, TMPDIR: "/nowhere", HOME: undefined },
    });
  const gone = await inShell('mkdir gone && cd gone && rmdir ../gone && exec "$1" build "$2"');
  assert.equal(gone.code, 1, gone.stderr);
  assert.match(gone.stderr, /current folder does not exist/);
  assert.doesNotMatch(gone.stderr, /Internal error/);
  mustEnd(await inShell('exec "$1" build -q "$2" >&- 2>&- <&-'));
  const closed = await inShell('"$1" build -o - "$2" | head -c 10 | wc -c');
  assert.doesNotMatch(closed.stderr, /Internal error/);
});
