import assert from "node:assert/strict";
import { execFile, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { isErrno, TsbuildError } from "../../base/errors.js";
import { loadKernel } from "../../sys/kernel.js";
import { runProcess } from "../run.js";
import { collect, inPrivateNamespace, makeTestRoot } from "../test-support.js";
import type { NetworkNamespace } from "./namespace.js";
import { NetworkPool, removeNetwork } from "./pool.js";
import { publishPorts } from "./publish.js";

const kernel = loadKernel();
const never = new AbortController().signal;
const run = promisify(execFile);
let stateDir = "";

/** What ip(8) says in the namespace. */
async function ipInside(namespace: Pick<NetworkNamespace, "path">, ...args: readonly string[]): Promise<string> {
  return (await run("nsenter", [`--net=${namespace.path}`, "ip", ...args])).stdout;
}

/** What a server says to somebody in the namespace; undefined when it isn't reached. */
async function ask(namespace: Pick<NetworkNamespace, "path">, host: string, port: number): Promise<string | undefined> {
  const script = `const s=require("net").connect(${port},"${host}");s.setTimeout(1500,()=>process.exit(2));s.on("error",()=>process.exit(1));s.pipe(process.stdout)`;
  try {
    return (await run("nsenter", [`--net=${namespace.path}`, process.execPath, "-e", script])).stdout;
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === 1 || error.code === 2)) return undefined;
    throw error;
  }
}

/** The same from the host. */
function askHere(host: string, port: number, request: string = ""): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => socket.write(request));
    let text = "";
    socket.setTimeout(2000, () => socket.destroy());
    socket.on("data", (data) => (text += data.toString()));
    socket.on("error", () => resolve(undefined));
    socket.on("close", () => resolve(text === "" ? undefined : text));
  });
}

/** A server in a namespace that says hello to everybody. */
async function serve(namespace: Pick<NetworkNamespace, "path">, port: number): Promise<Disposable> {
  const script = `require("net").createServer((s)=>s.end("hello")).listen(${port},"0.0.0.0",()=>console.log("ready"))`;
  const child = spawn("nsenter", [`--net=${namespace.path}`, process.execPath, "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve, reject) => {
    child.stdout.once("data", resolve);
    child.once("exit", () => reject(new Error("the server did not start")));
  });
  return { [Symbol.dispose]: () => void child.kill("SIGKILL") };
}

function interfaces(): readonly string[] {
  return readFileSync("/proc/self/net/dev", "latin1")
    .split("\n")
    .flatMap((line) => /^\s*(\S+):/.exec(line)?.[1] ?? []);
}

function nft(...args: readonly string[]): string {
  return execFileSync("nft", args, { encoding: "utf8" });
}

inPrivateNamespace(
  import.meta.url,
  () => {
    let world: Pick<NetworkNamespace, "path">;

    before(() => {
      stateDir = mkdtempSync(join(tmpdir(), "tsbuild-network-"));
      const path = join(stateDir, "world");
      writeFileSync(path, "");
      world = { path };
      // This namespace plays the host; `world` lies behind its eth0.
      execFileSync("ip", ["link", "set", "lo", "up"]);
      execFileSync("unshare", [`--net=${path}`, "ip", "-batch", "-"], {
        input: `link set lo up\nlink add eth0 type veth peer name eth0 netns ${process.pid}\naddress add 192.0.2.1/24 dev eth0\nlink set eth0 up\n`,
      });
      execFileSync("ip", ["-batch", "-"], {
        input: "address add 192.0.2.2/24 dev eth0\nlink set eth0 up\nroute add default via 192.0.2.1\n",
      });
    });

    after(() => {
      spawnSync("umount", ["-l", world.path]);
      rmSync(stateDir, { recursive: true, force: true });
    });

    test("a namespace has loopback, an address, a route, and reaches the world by NAT", async () => {
      await using pool = new NetworkPool({ stateDir, kernel });
      await using namespace = await pool.acquire(never);
      assert.match(await ipInside(namespace, "addr", "show", "lo"), /LOOPBACK,UP/);
      assert.match(await ipInside(namespace, "route"), new RegExp(`^default via ${namespace.gateway} dev eth0`));
      using _server = await serve(world, 8000);
      // The world has no route back to the bridge, so an answer proves masquerading.
      assert.equal(await ask(namespace, "192.0.2.1", 8000), "hello");
    });

    test("a server of the host is reached on the gateway's address", async () => {
      await using pool = new NetworkPool({ stateDir, kernel });
      await using namespace = await pool.acquire(never);
      const server = createServer((socket) => socket.end("from the host"));
      await new Promise<void>((resolve) => server.listen(0, namespace.gateway, resolve));
      const address = server.address();
      assert.ok(typeof address === "object" && address !== null);
      assert.equal(await ask(namespace, namespace.gateway, address.port), "from the host");
      server.close();
    });

    test("namespaces made ahead are handed out first, and all are gone at the end", async () => {
      const pool = new NetworkPool({ stateDir, kernel });
      pool.prewarm(3);
      const three = await Promise.all([pool.acquire(never), pool.acquire(never), pool.acquire(never)]);
      assert.equal(new Set(three.map(({ ip }) => ip)).size, 3);
      await pool[Symbol.asyncDispose]();
      assert.equal(readFileSync("/proc/self/mountinfo", "utf8").includes("/namespaces/"), false);
      // The kernel takes them down a little later.
      while (interfaces().some((name) => three.some(({ hostInterface }) => hostInterface === name)));
    });

    test("a warm start is quick", async () => {
      await using pool = new NetworkPool({ stateDir, kernel });
      await pool.bridge();
      const before = performance.now();
      await using _namespace = await pool.acquire(never);
      assert.ok(performance.now() - before < 500);
    });

    test("isolated namespaces don't reach each other, others do", async () => {
      await using steps = new NetworkPool({ stateDir, kernel });
      await using containers = new NetworkPool({ stateDir, kernel, isolated: false });
      const [one, two, three, four] = await Promise.all([
        steps.acquire(never),
        steps.acquire(never),
        containers.acquire(never),
        containers.acquire(never),
      ]);
      using _isolated = await serve(two, 81);
      using _open = await serve(four, 81);
      assert.equal(await ask(one, two.ip, 81), undefined);
      assert.equal(await ask(three, four.ip, 81), "hello");
    });

    test("metadata addresses are closed, unless opened", async () => {
      execFileSync("nsenter", [`--net=${world.path}`, "ip", "address", "add", "169.254.169.254/32", "dev", "eth0"]);
      using _server = await serve(world, 8002);
      await using closed = new NetworkPool({ stateDir, kernel });
      await using open = new NetworkPool({ stateDir, kernel, allowMetadata: true });
      const [one, two] = await Promise.all([closed.acquire(never), open.acquire(never)]);
      assert.equal(await ask(one, "169.254.169.254", 8002), undefined);
      assert.equal(await ask(two, "169.254.169.254", 8002), "hello");
    });

    test("a port published on 127.0.0.1 is reached from the host, from the container itself, and by nobody else", async () => {
      await using pool = new NetworkPool({ stateDir, kernel, isolated: false });
      const namespace = await pool.acquire(never);
      using _server = await serve(namespace, 80);
      const request = {
        containerIp: namespace.ip,
        ports: [{ hostIp: "127.0.0.1", hostPort: 18080, containerPort: 80, protocol: "tcp" as const }],
      };
      {
        await using published = await publishPorts(request);
        assert.equal(published.ports[0]?.hostPort, 18080);
        assert.equal(await askHere("127.0.0.1", 18080), "hello");
        assert.equal(await ask(world, "192.0.2.2", 18080), undefined);
        await assert.rejects(
          publishPorts(request),
          (error) => error instanceof TsbuildError && error.code === "PORT_IN_USE" && /already allocated/.test(error.message),
        );
      }
      assert.equal(await askHere("127.0.0.1", 18080), undefined);
      assert.doesNotMatch(nft("list", "map", "ip", "tsbuild", "ports"), /18080/);
    });

    test("a port published on all addresses is reached from outside, from here, and by hairpin; port 0 is any", async () => {
      await using pool = new NetworkPool({ stateDir, kernel, isolated: false });
      const [namespace, other] = [await pool.acquire(never), await pool.acquire(never)];
      using _server = await serve(namespace, 80);
      await using published = await publishPorts({
        containerIp: namespace.ip,
        ports: [{ hostIp: "", hostPort: 0, containerPort: 80, protocol: "tcp" }],
      });
      const port = published.ports[0]?.hostPort ?? 0;
      assert.ok(port > 0);
      for (const host of ["127.0.0.1", "192.0.2.2", namespace.gateway]) assert.equal(await askHere(host, port), "hello", host);
      assert.equal(await ask(world, `192.0.2.2`, port), "hello");
      assert.equal(await ask(namespace, `192.0.2.2`, port), "hello");
      assert.equal(await ask(other, `192.0.2.2`, port), "hello");
    });

    test("what was not published is not reached from outside, even with a route", async () => {
      await using pool = new NetworkPool({ stateDir, kernel, isolated: false });
      const namespace = await pool.acquire(never);
      using _server = await serve(namespace, 80);
      execFileSync("nsenter", [`--net=${world.path}`, "ip", "route", "replace", `${namespace.ip}/32`, "via", "192.0.2.2"]);
      assert.equal(await ask(world, namespace.ip, 80), undefined);
    });

    test("a neighbour's packets for 127.0.0.1 are dropped", async () => {
      await using pool = new NetworkPool({ stateDir, kernel });
      await using namespace = await pool.acquire(never);
      const server = createServer((socket) => socket.end("secret"));
      await new Promise<void>((resolve) => server.listen(18081, "127.0.0.1", resolve));
      execFileSync("nsenter", [
        `--net=${namespace.path}`,
        "sh",
        "-c",
        "ip route del local 127.0.0.0/8 table local; ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.1/32 via " + namespace.gateway,
      ]);
      assert.equal(await ask(namespace, "127.0.0.1", 18081), undefined);
      server.close();
    });

    test("where another's chain drops, a marked pair of accepts is added, and removed by the last user", async () => {
      nft("add", "table", "ip", "filter");
      nft("add", "chain", "ip", "filter", "FORWARD", "{ type filter hook forward priority 0; policy drop; }");
      using _server = await serve(world, 8003);
      const first = new NetworkPool({ stateDir, kernel });
      const second = new NetworkPool({ stateDir, kernel });
      const [namespace] = await Promise.all([first.acquire(never), second.acquire(never)]);
      assert.equal(await ask(namespace, "192.0.2.1", 8003), "hello");
      const marks = (): number => nft("list", "chain", "ip", "filter", "FORWARD").split("tsbuild:tsbuild0").length - 1;
      assert.equal(marks(), 2);
      await first[Symbol.asyncDispose]();
      assert.equal(marks(), 2);
      await second[Symbol.asyncDispose]();
      assert.equal(marks(), 0);
      nft("delete", "table", "ip", "filter");
    });

    test("Docker's user chain is preferred", async () => {
      nft("add", "table", "ip", "filter");
      nft("add", "chain", "ip", "filter", "DOCKER-USER");
      nft("add", "chain", "ip", "filter", "FORWARD", "{ type filter hook forward priority 0; policy drop; }");
      nft("add", "rule", "ip", "filter", "FORWARD", "jump", "DOCKER-USER");
      {
        await using pool = new NetworkPool({ stateDir, kernel });
        await pool.acquire(never);
        assert.match(nft("list", "chain", "ip", "filter", "DOCKER-USER"), /iifname "tsbuild0" .*accept comment "tsbuild:tsbuild0"/);
      }
      assert.doesNotMatch(nft("list", "chain", "ip", "filter", "DOCKER-USER"), /tsbuild/);
      nft("delete", "table", "ip", "filter");
    });

    test("a network of the user's own, a fixed address, no way out", async () => {
      const network = { bridge: "tsbtest1", subnet: "10.213.77.0/24", isInternal: true };
      await using pool = new NetworkPool({ stateDir, kernel, network, isolated: false });
      await using namespace = await pool.acquire(never, { ip: "10.213.77.55" });
      assert.equal(namespace.ip, "10.213.77.55");
      await assert.rejects(pool.acquire(never, { ip: "10.213.77.55" }), /already in use/);
      using _server = await serve(world, 8004);
      assert.equal(await ask(namespace, "192.0.2.1", 8004), undefined);
    });

    test("a kept address stays taken until it is removed", async () => {
      const network = { bridge: "tsbtest2", subnet: "10.213.78.0/24" };
      {
        await using pool = new NetworkPool({ stateDir, kernel, network, isolated: false });
        (await pool.acquire(never, { ip: "10.213.78.5" })).persist("box");
      }
      await using pool = new NetworkPool({ stateDir, kernel, network, isolated: false });
      await assert.rejects(pool.acquire(never, { ip: "10.213.78.5" }), /already in use/);
      await removeNetwork({
        stateDir,
        kernel,
        ip: "10.213.78.5",
        network,
        ports: [{ hostIp: "127.0.0.1", hostPort: 1, containerPort: 1, protocol: "tcp" }],
      });
      await using _again = await pool.acquire(never, { ip: "10.213.78.5" });
    });

    test("processes that start at once share the bridge and no address", async () => {
      const script = `
      import { NetworkPool } from ${JSON.stringify(import.meta.resolve("./pool.js"))};
      import { loadKernel } from ${JSON.stringify(import.meta.resolve("../../sys/kernel.js"))};
      const pool = new NetworkPool({ stateDir: ${JSON.stringify(stateDir)}, kernel: loadKernel(), network: { bridge: "tsbtest3", subnet: "10.213.79.0/29" }, isolated: false });
      const namespace = await pool.acquire(new AbortController().signal);
      console.log(namespace.ip);
      process.stdin.on("end", () => process.kill(process.pid, "SIGKILL")).resume();`;
      const children = Array.from({ length: 3 }, () =>
        spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "pipe", "inherit"] }),
      );
      const ips = await Promise.all(
        children.map(
          (child) => new Promise<string>((resolve) => child.stdout.once("data", (data: Buffer) => resolve(data.toString().trim()))),
        ),
      );
      assert.equal(new Set(ips).size, 3);
      const ends = children.map((child) => new Promise((resolve) => child.once("exit", resolve)));
      for (const child of children) child.stdin.end();
      await Promise.all(ends);
      // Killed: their addresses are free again. (Their binds are in this mount namespace, which outlives them here.)
      for (const ip of ips) spawnSync("umount", ["-l", join(stateDir, "namespaces", ip)]);
      await using pool = new NetworkPool({ stateDir, kernel, network: { bridge: "tsbtest3", subnet: "10.213.79.0/29" }, isolated: false });
      for (const ip of ips) assert.equal((await pool.acquire(never, { ip })).ip, ip);
    });

    test("a container in such a namespace is reached by its published port", async () => {
      using root = makeTestRoot();
      await using pool = new NetworkPool({ stateDir, kernel, isolated: false });
      await using namespace = await pool.acquire(never);
      const abort = new AbortController();
      const output = collect();
      const running = runProcess(
        root.spec({ args: ["httpd", "-f", "-p", "80", "-h", "/etc"], network: { type: "namespace", path: namespace.path } }),
        { stdin: "null", onOutput: output.onOutput, signal: abort.signal },
      );
      await using _published = await publishPorts({
        containerIp: namespace.ip,
        ports: [{ hostIp: "127.0.0.1", hostPort: 18090, containerPort: 80, protocol: "tcp" }],
      });
      let text: string | undefined;
      const ended = running.catch((error: unknown) => error);
      const deadline = performance.now() + 10_000;
      while (text === undefined && performance.now() < deadline) text = await askHere("127.0.0.1", 18090, "GET /passwd HTTP/1.0\r\n\r\n");
      assert.match(text ?? "", /root:x:0:0/, output.text());
      abort.abort(new Error("done"));
      assert.match(String(await ended), /done/);
    });

    test("nothing is left of the namespaces", () => {
      assert.deepEqual(
        readdirSync(join(stateDir, "namespaces")).filter((name) => isBound(join(stateDir, "namespaces", name))),
        [],
      );
    });
  },
  { network: true },
);

function isBound(path: string): boolean {
  try {
    kernel.umount(path);
    return true;
  } catch (error) {
    if (isErrno(error, "EINVAL")) return false;
    throw error;
  }
}
