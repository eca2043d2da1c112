/** Git repositories as sources and contexts, and ssh agents for steps: what works, and what a hostile repository or step tries. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  chmodSync,
} from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { Repository, serveGit } from "../rig/git-server.js";
import { type Ended, eventually, must, mustEnd } from "../rig/process.js";
import { type Rig, rigTest } from "../rig/rig.js";
import { copyPrograms, makeKey, sshdPath, startAgent, startSshd } from "../rig/ssh.js";
import { parseRawJson } from "../rig/steps.js";

/** Builds into a folder. */
function out(rig: Rig, name: string, args: readonly string[], context: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return rig.tsbuild(["build", "--progress=rawjson", "-o", rig.path(name), ...args, context], { env });
}

function assertError(ended: Ended, ...patterns: readonly RegExp[]): void {
  assert.equal(ended.code, 1, ended.stderr);
  assert.equal(ended.stderr.match(/^ERROR: /gm)?.length, 1, ended.stderr);
  assert.doesNotMatch(ended.stderr, /Internal error/);
  for (const pattern of patterns) assert.match(ended.stderr, pattern);
}

async function sample(path: string): Promise<Repository> {
  const repository = await Repository.create(path);
  repository.write("Dockerfile", "FROM scratch\nCOPY . /\n");
  repository.write("tool.sh", "#!/bin/sh\n");
  repository.write("lib/data", "one\n");
  repository.write("lib/Dockerfile", "FROM scratch\nCOPY data /from-lib\n");
  chmodSync(join(path, "tool.sh"), 0o755);
  symlinkSync("lib/data", join(path, "link"));
  await repository.commit();
  return repository;
}

rigTest("a repository is the context: its branch, tag, commit and folder, whatever the umask", async (rig) => {
  const repository = await sample(rig.path("repo"));
  await repository.git("tag", "-a", "v1", "-m", "v1");
  repository.write("lib/data", "two\n");
  const second = await repository.commit();
  const strict = { wrap: ["sh", "-c", 'umask 077; exec "$@"', "sh"] };
  mustEnd(await rig.tsbuild(["build", "-o", rig.path("head"), repository.url], strict));
  assert.deepEqual(readdirSync(rig.path("head")).toSorted(), ["Dockerfile", "lib", "link", "tool.sh"]);
  assert.equal(readFileSync(rig.path("head/lib/data"), "utf8"), "two\n");
  assert.equal(readlinkSync(rig.path("head/link")), "lib/data");
  const modes = ["tool.sh", "Dockerfile", "lib"].map((name) => statSync(rig.path("head", name)).mode & 0o7777);
  assert.deepEqual(modes, [0o755, 0o644, 0o755]);
  mustEnd(await out(rig, "tag", [], `${repository.url}#v1`));
  assert.equal(readFileSync(rig.path("tag/lib/data"), "utf8"), "one\n");
  mustEnd(await out(rig, "commit", [], `${repository.url}#${second}:lib`));
  assert.equal(readFileSync(rig.path("commit/from-lib"), "utf8"), "two\n");
  mustEnd(
    await out(
      rig,
      "file",
      ["-f", "lib/Dockerfile", "--build-context", `context=${repository.url}#v1:lib`],
      `${repository.url}?branch=main`,
    ),
  );
  assert.equal(readFileSync(rig.path("file/from-lib"), "utf8"), "one\n");
});

rigTest("ADD of a repository: cached until its branch moves, pinned by a checksum, with .git when that is asked for", async (rig) => {
  const repository = await sample(rig.path("repos/app.git"));
  await using server = await serveGit(rig.path("repos"));
  const url = `${server.url}/app.git/.git`;
  await repository.git("tag", "-a", "v1", "-m", "v1");
  rig.dockerfile("FROM scratch", `ADD ${url}#main:lib /src`, `ADD --keep-git-dir ${url}#v1 /kept`);
  mustEnd(await out(rig, "first", [], rig.context));
  assert.deepEqual([readFileSync(rig.path("first/src/data"), "utf8"), existsSync(rig.path("first/src/.git"))], ["one\n", false]);
  assert.equal((await must("git", "-c", "safe.directory=*", "-C", rig.path("first/kept"), "describe", "--dirty")).trim(), "v1");
  assert.equal((await must("git", "-c", "safe.directory=*", "-C", rig.path("first/kept"), "remote", "get-url", "origin")).trim(), url);
  const again = mustEnd(await out(rig, "again", [], rig.context));
  const ran = parseRawJson(again.stderr).filter(({ name, outcome }) => outcome === "RAN" && !name.startsWith("exporting"));
  assert.deepEqual(ran, []);
  repository.write("lib/data", "two\n");
  const second = await repository.commit();
  mustEnd(await out(rig, "moved", [], rig.context));
  assert.equal(readFileSync(rig.path("moved/src/data"), "utf8"), "two\n");
  rig.dockerfile("FROM scratch", `ADD --checksum=${second.slice(0, 12)} ${url}#main /src`);
  mustEnd(await out(rig, "pinned", [], rig.context));
  repository.write("lib/data", "three\n");
  await repository.commit();
  assertError(await out(rig, "unpinned", [], rig.context), /expected the commit/, new RegExp(second.slice(0, 12)), /Dockerfile:2/);
  rig.dockerfile("FROM scratch", `ADD ${url}#nowhere /src`);
  assertError(await out(rig, "missing", [], rig.context), /no branch or tag "nowhere"/, /Dockerfile:2/);
  rig.dockerfile("FROM scratch", `ADD ${server.url}/none.git /src`);
  assertError(await out(rig, "missing", [], rig.context), /none\.git can't be found/, /hint: /);
});

rigTest("a mirror in the store that is damaged is made anew, and pruned with all the cache", async (rig) => {
  const repository = await sample(rig.path("repo"));
  mustEnd(await out(rig, "first", [], repository.url));
  const [mirror = ""] = readdirSync(join(rig.root, "v1/git"));
  const objects = join(rig.root, "v1/git", mirror, "objects");
  for (const name of readdirSync(objects)) rmSync(join(objects, name), { recursive: true });
  writeFileSync(join(rig.root, "v1/git", mirror, "shallow.lock"), "");
  mustEnd(await out(rig, "folder", [], `${repository.url}#main:lib`));
  assert.equal(readFileSync(rig.path("folder/from-lib"), "utf8"), "one\n");
  assert.match(mustEnd(await rig.tsbuild(["du"])).stdout, /^Git repositories +1 /m);
  mustEnd(await rig.tsbuild(["prune", "--all", "--force"]));
  assert.deepEqual(readdirSync(join(rig.root, "v1/git")), []);
});

rigTest("git's own protocol", async (rig) => {
  await sample(rig.path("repos/app"));
  const port = 20000 + (process.pid % 20000);
  const daemon = spawn(
    "git",
    ["daemon", "--export-all", "--listen=127.0.0.1", `--port=${port}`, `--base-path=${rig.path("repos")}`, rig.path("repos")],
    { stdio: "ignore", detached: true },
  );
  try {
    await eventually(() => canConnect(port), 5000);
    mustEnd(await out(rig, "out", [], `git://127.0.0.1:${port}/app#main:lib`));
    assert.equal(readFileSync(rig.path("out/from-lib"), "utf8"), "one\n");
  } finally {
    process.kill(-(daemon.pid ?? 0), "SIGKILL");
  }
});

function canConnect(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(undefined));
    socket.once("connect", () => socket.destroy());
  });
}

rigTest("a token is sent where it belongs, and is neither in arguments nor in messages", async (rig) => {
  await sample(rig.path("repos/app.git"));
  await using server = await serveGit(rig.path("repos"));
  const seen = new Set<string>();
  const arguments_: string[] = [];
  server.onRequest = (request, response) => {
    arguments_.push(...commandLines());
    seen.add(request.headers.authorization ?? "");
    if (request.headers.authorization !== undefined) return false;
    response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    return true;
  };
  const token = "tok3n-that-nobody-sees";
  writeFileSync(rig.path("token"), `${token}\n`);
  const context = `${server.url}/app.git/.git#main:lib`;
  assertError(await out(rig, "closed", [], context), /asks for credentials/, /GIT_AUTH_TOKEN/);
  seen.clear();
  const ended = mustEnd(await out(rig, "open", ["--secret", `id=GIT_AUTH_TOKEN,src=${rig.path("token")}`], context));
  const basic = Buffer.from(`x-access-token:${token}`).toString("base64");
  assert.deepEqual([...seen], [`Basic ${basic}`]);
  assert.ok(
    arguments_.some((line) => line.includes("ls-remote")),
    "git was seen at work",
  );
  for (const text of [ended.stderr, ...arguments_]) assert.ok(!text.includes(basic) && !text.includes(token));
  seen.clear();
  mustEnd(await out(rig, "user", ["--no-cache"], context.replace("http://", "http://user:pa%40ss@")));
  assert.deepEqual([...seen], [`Basic ${Buffer.from("user:pa@ss").toString("base64")}`]);
  assert.doesNotMatch(await must("grep", "-r", "-l", "-e", "pa%40ss", "-e", token, rig.root).catch(() => ""), /git\//);
});

function commandLines(): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1");
      } catch {
        return "";
      }
    })
    .filter((line) => line.includes("git"));
}

rigTest("a token doesn't follow a redirect", async (rig) => {
  await sample(rig.path("repos/app.git"));
  await using server = await serveGit(rig.path("repos"));
  const asked: string[] = [];
  const other = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const address = other.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  server.onRequest = (request, response) => {
    response.writeHead(302, { location: `http://127.0.0.1:${port}${request.url ?? ""}` }).end();
    return true;
  };
  const ended = await out(rig, "out", ["--secret", "id=GIT_AUTH_TOKEN,env=TOKEN"], `${server.url}/app.git/.git`, { TOKEN: "t" });
  other.close();
  assertError(ended, /redirects/);
  assert.deepEqual(asked, []);
});

rigTest("submodules come along, also where they are nested, at the commits that are named", async (rig) => {
  const [app, library, deep] = await Promise.all(["app.git", "library.git", "deep.git"].map((name) => sample(rig.path("repos", name))));
  assert.ok(app !== undefined && library !== undefined && deep !== undefined);
  await using server = await serveGit(rig.path("repos"));
  await addLink(library, "nested", "../../deep.git/.git", await deep.commit());
  await addLink(app, "modules/library", `${server.url}/library.git/.git`, (await library.git("rev-parse", "HEAD")).trim());
  deep.write("lib/data", "later\n");
  await deep.commit();
  mustEnd(await out(rig, "out", [], `${server.url}/app.git/.git`));
  assert.equal(readFileSync(rig.path("out/modules/library/nested/lib/data"), "utf8"), "one\n");
  assert.deepEqual(readdirSync(rig.path("out/modules/library")).toSorted(), [
    ".gitmodules",
    "Dockerfile",
    "lib",
    "link",
    "nested",
    "tool.sh",
  ]);
  mustEnd(await out(rig, "inner", [], `${server.url}/app.git/.git#main:modules/library/nested/lib`));
  assert.equal(readFileSync(rig.path("inner/from-lib"), "utf8"), "one\n");
});

/** A submodule as it is committed, without having it. */
async function addLink(repository: Repository, path: string, url: string, commit: string, more: string = ""): Promise<void> {
  const modules = join(repository.path, ".gitmodules");
  writeFileSync(modules, `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n${more}`);
  await repository.git("add", "--all");
  await repository.git("update-index", "--add", "--cacheinfo", `160000,${commit},${path}`);
  await repository.git("commit", "--quiet", "-m", "submodule");
}

const ZERO = "1".repeat(40);

rigTest("hostile submodules fetch nothing from this machine and run nothing", async (rig) => {
  const secret = await sample(rig.path("secret"));
  const commit = (await secret.git("rev-parse", "HEAD")).trim();
  const canary = rig.path("canary");
  for (const [index, [url, more, ...patterns]] of (
    [
      [`ext::sh -c touch% ${canary}`, "", /sub/],
      [secret.url, "", /https and ssh only/],
      ["../secret", "", /https and ssh only/],
      ["-oProxyCommand=touch", "", /git address/],
      ["ssh://-oProxyCommand=touch/x", "", /names no host/],
      ["git@-oProxyCommand=x:y", "", /git address/],
    ] as readonly (readonly [string, string, ...RegExp[]])[]
  ).entries()) {
    const repository = await sample(rig.path(`hostile-${index}`));
    await addLink(repository, "sub", url, commit, more);
    assertError(await out(rig, `out-${index}`, [], repository.url), ...patterns.filter((pattern) => pattern.source !== "sub"));
  }
  const none = await sample(rig.path("update"));
  await addLink(none, "sub", `ext::sh -c touch% ${canary}`, ZERO, "\tupdate = none\n");
  mustEnd(await out(rig, "none", [], none.url));
  const stray = await sample(rig.path("stray"));
  await stray.git("update-index", "--add", "--cacheinfo", `160000,${ZERO},sub`);
  await stray.git("commit", "--quiet", "-m", "stray");
  assertError(await out(rig, "stray-out", [], stray.url), /submodule at sub/, /\.gitmodules/);
  assert.equal(existsSync(canary), false);
});

rigTest("hostile refs, folders and settings of a repository lead nowhere", async (rig) => {
  const canary = rig.path("canary");
  const repository = await sample(rig.path("repos/app.git"));
  await using server = await serveGit(rig.path("repos"));
  const url = `${server.url}/app.git/.git`;
  for (const ref of [
    `--upload-pack=touch ${canary}`,
    "-x",
    "a..b",
    "main^{tree}",
    "x:../../etc",
    "main:.git",
    "main:../..",
    "main:lib/../../..",
  ]) {
    const ended = await out(rig, "out", [], `${url}#${ref}`);
    assertError(ended, /can't be (?:the name of a git branch|a folder of)/);
  }
  writeFileSync(rig.path("outside"), "canary\n");
  symlinkSync(rig.folder, join(repository.path, "out"));
  symlinkSync("lib", join(repository.path, "inside"));
  symlinkSync(rig.path("outside"), join(repository.path, "Outside.Dockerfile"));
  repository.write(".gitattributes", "* filter=evil diff=evil\n*.txt eol=crlf\n");
  repository.write("a.txt", "x\n");
  await repository.commit();
  for (const folder of ["out", "out/store", "inside", "tool.sh", "nowhere"])
    assertError(await out(rig, "out", [], `${url}#main:${folder}`), /GIT_SUBDIR|the folder .* of the git repository/);
  assertError(await out(rig, "out", ["-f", "Outside.Dockerfile"], url), /no Outside\.Dockerfile/);
  for (const hook of ["post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman"]) {
    writeFileSync(join(repository.path, ".git/hooks", hook), `#!/bin/sh\ntouch ${canary}\n`, { mode: 0o755 });
  }
  const home = rig.path("home");
  mkdirSync(home);
  writeFileSync(
    join(home, ".gitconfig"),
    `[core]\n\tfsmonitor = touch ${canary}\n\thooksPath = ${join(repository.path, ".git/hooks")}\n[filter "evil"]\n\tsmudge = touch ${canary}; cat\n[url "ext::sh -c touch% ${canary}"]\n\tinsteadOf = ${server.url}\n[protocol "ext"]\n\tallow = always\n`,
  );
  mustEnd(
    await out(rig, "safe", ["--build-arg", "BUILDKIT_CONTEXT_KEEP_GIT_DIR=1"], `${url}#main`, {
      HOME: home,
      GIT_CONFIG_PARAMETERS: `'core.fsmonitor=touch ${canary}'`,
      GIT_SSH_COMMAND: `touch ${canary}`,
    }),
  );
  assert.equal(readFileSync(rig.path("safe/a.txt"), "utf8"), "x\r\n");
  assert.equal(readlinkSync(rig.path("safe/out")), rig.folder);
  assert.equal(existsSync(canary), false);
  await repository.git("symbolic-ref", "HEAD", "refs/heads/main");
  const head = (await repository.git("rev-parse", "HEAD")).trim();
  writeFileSync(join(repository.path, ".git/refs/heads/--x"), `${head}\n`);
  writeFileSync(join(repository.path, ".git/HEAD"), "ref: refs/heads/--x\n");
  assertError(await out(rig, "head", [], url), /names a branch or commit that can't be one/);
});

rigTest("a step uses the caller's agent and can't change it", async (rig) => {
  const key = await makeKey(rig.path("key"));
  await using agent = await startAgent(rig.path("agent.sock"), key);
  await copyPrograms(rig.context, "/usr/bin/ssh-add", "/bin/busybox", "/usr/bin/ssh-keygen");
  rig.write("key.pub", readFileSync(`${key}.pub`));
  rig.write("other", readFileSync(await makeKey(rig.path("other"))), 0o600);
  rig.write("passwd", "root:x:0:0::/:/bin/sh\n");
  rig.dockerfile(
    "FROM scratch",
    "COPY . /",
    "COPY passwd /etc/passwd",
    'RUN --mount=type=tmpfs,target=/tmp --mount=type=ssh,required,uid=7,mode=0640 --network=none ["/bin/busybox", "sh", "-exc", "\\',
    'busybox() { /bin/busybox \\"$@\\"; }; \\',
    "test $SSH_AUTH_SOCK = /run/buildkit/ssh_agent.0; busybox stat -c %u:%g:%a $SSH_AUTH_SOCK; \\",
    "/usr/bin/ssh-add -l; /usr/bin/ssh-add -T /key.pub && busybox echo SIGNED; \\",
    "for change in '-D' '-x' '-d /key.pub' '/other'; do busybox echo pass | /usr/bin/ssh-add $change && busybox echo CHANGED; done; busybox echo END\"]",
  );
  const listed = await agent.list();
  const ended = mustEnd(
    await rig.tsbuild(["build", "--progress=plain", "--ssh", "default", rig.context], { env: { SSH_AUTH_SOCK: agent.socket } }),
  );
  assert.match(ended.stderr, / 7:0:640$/m);
  assert.match(ended.stderr, /test-key/);
  assert.match(ended.stderr, / SIGNED$/m);
  assert.match(ended.stderr, / END$/m);
  assert.doesNotMatch(ended.stderr, / CHANGED$/m);
  assert.equal(await agent.list(), listed);
});

rigTest("keys from files go into an agent that ends with the build; who needs one and has none is told", async (rig) => {
  await copyPrograms(rig.context, "/usr/bin/ssh-add", "/bin/busybox");
  const [first, second, locked] = [
    await makeKey(rig.path("first")),
    await makeKey(rig.path("second")),
    await makeKey(rig.path("locked"), "passphrase"),
  ];
  chmodSync(first, 0o644);
  rig.dockerfile(
    "FROM scratch",
    "COPY . /",
    'RUN --mount=type=ssh,id=deploy,required,target=/agent --network=none ["/usr/bin/ssh-add", "-l"]',
  );
  const build = (...args: readonly string[]): Promise<Ended> => rig.tsbuild(["build", "--progress=plain", ...args, rig.context]);
  assertError(await build(), /needs the ssh agent "deploy"/, /--ssh deploy=FILE/, /Dockerfile:3/);
  assertError(await build("--ssh", `deploy=${locked}`), /locked is encrypted/, /ssh-add locked/);
  assertError(await build("--ssh", `deploy=${rig.path("context/Dockerfile")}`), /can't be used as a key/);
  const ended = mustEnd(await build("--ssh", `deploy=${first},${second}`));
  assert.equal(ended.stderr.match(/test-key/g)?.length, 2);
  rig.dockerfile(
    "FROM scratch",
    "COPY . /",
    'RUN --mount=type=ssh --network=none ["/bin/busybox", "test", "!", "-e", "/run/buildkit/ssh_agent.0"]',
  );
  mustEnd(await build());
  assert.equal((await build("--ssh", "default=/nowhere")).code, 1);
});

rigTest("a repository reached by ssh needs an agent and a known host", async (rig) => {
  rig.dockerfile("FROM scratch", "ADD git@127.0.0.1:some/repo.git /src");
  assertError(await out(rig, "out", [], rig.context), /needs a key/, /--ssh default/, /Dockerfile:2/);
});

const noSshd = sshdPath() === undefined && "there is no sshd (Debian: openssh-server); TSBUILD_TEST_SSHD can name one";

rigTest(
  "a repository is fetched by ssh, with the agent or a key, from a host that is known",
  async (rig) => {
    await sample(rig.path("repo"));
    const key = await makeKey(rig.path("key"));
    await using server = await startSshd(rig.path("sshd"), `${key}.pub`);
    await using agent = await startAgent(rig.path("agent.sock"), key);
    const [url, home] = [`ssh://root@127.0.0.1:${server.port}${rig.path("repo")}`, rig.path("home dir")];
    mkdirSync(join(home, ".ssh"), { recursive: true });
    const env = { HOME: home, SSH_AUTH_SOCK: agent.socket };
    const canary = rig.path("canary");
    writeFileSync(join(home, ".ssh/config"), `Host *\n\tProxyCommand touch ${canary}\n`);
    assertError(await out(rig, "unknown", [], url, env), /host key that is not known/, /known_hosts/);
    writeFileSync(join(home, ".ssh/known_hosts"), server.knownHost);
    mustEnd(await out(rig, "context", [], `${url}#main:lib`, env));
    assert.equal(readFileSync(rig.path("context/from-lib"), "utf8"), "one\n");
    rig.dockerfile("FROM scratch", `ADD ${url}#main /src`);
    assertError(await out(rig, "without", [], rig.context, env), /needs a key/);
    mustEnd(await out(rig, "key-file", ["--no-cache", "--ssh", `default=${key}`], rig.context, { HOME: home, SSH_AUTH_SOCK: "" }));
    assert.equal(readFileSync(rig.path("key-file/src/lib/data"), "utf8"), "one\n");
    assertError(
      await out(rig, "other-key", ["--ssh", `default=${await makeKey(rig.path("other"))}`], rig.context, env),
      /refuses the ssh key/,
    );
    assert.equal(existsSync(canary), false);
  },
  { skip: noSshd },
);
