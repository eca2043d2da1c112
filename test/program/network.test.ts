/** RUN's network: through NAT, beside other programs' packet filters, and with the names that the host knows. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";
import { nftRuleset } from "../rig/machine.js";
import { openOutside, type Outside } from "../rig/outside.js";
import { Running, eventually, must, mustEnd, run } from "../rig/process.js";
import { type Rig, type TsbuildOptions, rigTest, withMounts } from "../rig/rig.js";
import { stepNamed } from "../rig/steps.js";

/** busybox's wget needs more of a C library than busybox-static has. Prints the body. */
function ask(address: string, port: number | string): string {
  return `(printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 1) | nc -w 5 ${address} ${port} | tail -n 1`;
}

const FOREIGN = "tstest_foreign";

/** A view in which the program sees no other users of the host's network: what it opens for the last user it closes then. */
function alone(rig: Rig): TsbuildOptions {
  mkdirSync(rig.path("run"), { recursive: true });
  return { wrap: withMounts(`mkdir -p /run/tsbuild; mount --bind ${rig.path("run")} /run/tsbuild`) };
}

/** Asks the machine outside, which answers with the address it was called from. */
async function assertReachesOutside(rig: Rig, outside: Outside, options: TsbuildOptions = {}): Promise<void> {
  rig.dockerfile("FROM base", `RUN ${ask(outside.address, 80)}`);
  const { steps } = await rig.build(["--no-cache"], options);
  assert.equal(stepNamed(steps, "RUN (printf").log.trim(), outside.hostAddress, "through NAT");
}

rigTest("a RUN reaches a server of the host, and one beyond it through NAT", async (rig) => {
  await rig.makeBase();
  await using outside = await openOutside();
  await assertReachesOutside(rig, outside);
  const server = createServer((_, response) => response.end("from the host\n"));
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  try {
    const address = server.address();
    const port = address === null || typeof address === "string" ? 0 : address.port;
    rig.dockerfile("FROM base", `RUN ${ask("$(ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p')", port)}`);
    assert.equal(stepNamed((await rig.build()).steps, "RUN (printf").log, "from the host\n");
  } finally {
    server.close();
  }
});

rigTest("steps of a build can't reach each other", async (rig) => {
  await rig.makeBase();
  rig.dockerfile(
    "FROM base AS server",
    "RUN --mount=type=cache,id=meet,target=/meet <<END",
    "ip -4 addr show dev eth0 | sed -n 's/.*inet \\([0-9.]*\\).*/\\1/p' > /ip",
    "mkdir /www && echo reached > /www/index.html && httpd -p 80 -h /www",
    `${ask("$(cat /ip)", 80)}`,
    "cp /ip /meet/ip.new && mv /meet/ip.new /meet/ip",
    "until [ -e /meet/asked ]; do sleep 0.1; done",
    "killall httpd",
    "END",
    "FROM base AS client",
    "RUN --mount=type=cache,id=meet,target=/meet <<END",
    "until [ -s /meet/ip ]; do sleep 0.1; done",
    `${ask("$(cat /meet/ip)", 80)}`,
    "echo asked > /meet/asked",
    "END",
    "FROM scratch",
    "COPY --from=server /ip /ip",
    "COPY --from=client /etc/passwd /passwd",
  );
  const { steps } = await rig.build([], { timeoutMs: 60_000 });
  assert.match(stepNamed(steps, "[server 2/2] RUN").log, /^reached$/m, "the server answers to itself");
  assert.doesNotMatch(stepNamed(steps, "[client 2/2] RUN").log, /reached/);
});

rigTest("a foreign forward hook that drops is opened for the time of the build, and closed again", async (rig) => {
  await rig.makeBase();
  await using outside = await openOutside();
  await must("nft", `add table ip ${FOREIGN}; add chain ip ${FOREIGN} forward { type filter hook forward priority 10; policy drop; }`);
  try {
    await assertReachesOutside(rig, outside, alone(rig));
    const closed = await eventually(() => (acceptsIn(FOREIGN).length === 0 ? true : undefined), 5000);
    assert.equal(closed, true, acceptsIn(FOREIGN).join("\n"));
  } finally {
    await must("nft", `delete table ip ${FOREIGN}`);
  }
});

rigTest("what a killed build opened in a foreign chain is closed by the next command", async (rig) => {
  await rig.makeBase();
  await must("nft", `add table ip ${FOREIGN}; add chain ip ${FOREIGN} forward { type filter hook forward priority 10; policy drop; }`);
  try {
    rig.dockerfile("FROM base", "RUN echo started; sleep 30");
    const build = rig.start(["build", "--progress=plain", rig.context], alone(rig));
    await build.until(({ stderr }) => /#\d+ \S+ started/.test(stderr));
    assert.notEqual(acceptsIn(FOREIGN).length, 0);
    build.killGroup("SIGKILL");
    await build.ended;
    mustEnd(await rig.tsbuild(["build", "-q", "--network=none", rig.path("base-context")], alone(rig)));
    const closed = await eventually(() => (acceptsIn(FOREIGN).length === 0 ? true : undefined), 5000);
    assert.equal(closed, true, acceptsIn(FOREIGN).join("\n"));
  } finally {
    await must("nft", `delete table ip ${FOREIGN}`);
  }
});

/** Lines of the foreign table that carry our mark. */
function acceptsIn(table: string): readonly string[] {
  const [, text = ""] = nftRuleset().split(`table ip ${table} {`);
  return (
    text
      .split(/^\}/m)[0]
      ?.split("\n")
      .filter((line) => line.includes("tsbuild")) ?? []
  );
}

const filterTableExists = /^table ip filter /m.test(nftRuleset());

rigTest(
  "beside the chains that Docker makes, the way goes through DOCKER-USER",
  async (rig) => {
    await rig.makeBase();
    await using outside = await openOutside();
    // As iptables-nft shows them: FORWARD drops, and calls DOCKER-USER first.
    await must(
      "nft",
      "add table ip filter; add chain ip filter DOCKER-USER; add rule ip filter DOCKER-USER counter return; add chain ip filter FORWARD { type filter hook forward priority filter; policy drop; }; add rule ip filter FORWARD counter jump DOCKER-USER",
    );
    try {
      await assertReachesOutside(rig, outside);
      assert.match(
        await must("nft", "list", "chain", "ip", "filter", "FORWARD"),
        /policy drop;\s+counter packets \d+ bytes \d+ jump DOCKER-USER\s+\}/,
      );
    } finally {
      await must("nft", "delete table ip filter");
    }
  },
  { skip: filterTableExists ? "this machine has a table ip filter already" : false },
);

rigTest(
  "beside a running dockerd a RUN reaches the network, and dockerd keeps its rules",
  async (rig) => {
    await rig.makeBase();
    await using outside = await openOutside();
    const before = nftRuleset();
    const daemon = await startDockerd(rig);
    try {
      // As dockerd does itself when it is the one who turns forwarding on.
      await must("iptables", "-P", "FORWARD", "DROP");
      assert.match(nftRuleset(), /DOCKER-USER/);
      await assertReachesOutside(rig, outside);
      assert.match(nftRuleset(), /chain FORWARD \{\s+type filter hook forward priority filter; policy drop;/);
    } finally {
      daemon.killGroup("SIGTERM");
      await daemon.ended;
      await removeDockerNetwork(before);
    }
  },
  {
    skip:
      filterTableExists || !existsSync("/usr/sbin/dockerd") || !existsSync("/usr/sbin/iptables")
        ? "dockerd and iptables are not installed, or this machine filters already"
        : false,
  },
);

async function startDockerd(rig: Rig): Promise<Running> {
  const at = (name: string): string => rig.path("docker", name);
  mkdirSync(rig.path("docker"));
  writeFileSync(at("config.json"), "{}");
  const args = [
    "--config-file",
    at("config.json"),
    "--data-root",
    at("data"),
    "--exec-root",
    at("exec"),
    "--pidfile",
    at("pid"),
    "--host",
    `unix://${at("socket")}`,
    "--storage-driver",
    "vfs",
    "--bip",
    "172.31.251.1/24",
  ];
  // dockerd mounts things; a view of its own takes them with it.
  const daemon = new Running("unshare", ["--mount", "--propagation", "slave", "dockerd", ...args], { timeoutMs: 120_000 });
  await daemon.until(({ stderr }) => stderr.includes("API listen on"));
  return daemon;
}

/** dockerd leaves its interface and its chains when it ends. */
async function removeDockerNetwork(before: string): Promise<void> {
  await run("ip", ["link", "delete", "docker0"]);
  for (const [, table = ""] of nftRuleset().matchAll(/^table (\S+ \S+) \{/gm)) {
    if (!before.includes(`table ${table} {`)) await run("nft", [`delete table ${table}`]);
  }
}

rigTest("with a stub resolver on 127.0.0.53 names resolve by what stands behind it", async (rig) => {
  await rig.makeBase();
  await using outside = await openOutside();
  const [stub, real] = [rig.path("stub.conf"), rig.path("real.conf")];
  writeFileSync(stub, "nameserver 127.0.0.53\noptions edns0\nsearch outside.test\n");
  writeFileSync(real, `nameserver ${outside.address}\n`);
  rig.dockerfile("FROM base", "RUN cat /etc/resolv.conf; nslookup www.outside.test");
  const mounts = [
    `mount --bind ${stub} "$(readlink -f /etc/resolv.conf)"`,
    "mkdir -p /run/systemd 2>/dev/null",
    "mount -t tmpfs none /run/systemd",
    "mkdir /run/systemd/resolve",
    `cp ${real} /run/systemd/resolve/resolv.conf`,
  ];
  const { steps } = await rig.build([], { wrap: withMounts(mounts.join("\n")) });
  const { log } = stepNamed(steps, "RUN cat");
  assert.match(log, new RegExp(`^nameserver ${outside.address}$`, "m"));
  assert.doesNotMatch(log, /127\.0\.0\.53/);
  assert.match(log, new RegExp(`Name:\\s+www\\.outside\\.test\\s+Address: ${outside.address}`));
});

test("the host's own resolv.conf was not touched", () => {
  assert.doesNotMatch(readFileSync("/etc/resolv.conf", "utf8"), /outside\.test/);
});
