import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TsbuildError } from "../../base/errors.js";
import { loadKernel } from "../../sys/kernel.js";
import { isAnyLeased, isLeased, leaseAddress, leaseFixedAddress, releaseAddress } from "./address-leases.js";
import { contains, formatIpv4, formatSubnet, macOf, overlaps, parseIpv4, parseRoutes, parseSubnet } from "./addresses.js";
import { chooseSubnet } from "./bridge.js";
import { hostsFile, resolvConf } from "./files.js";
import { openingsIn } from "./foreign.js";
import { linkLocalResolvers } from "./resolvers.js";
import { baseRules, portElement, portMap } from "./rules.js";

test("addresses read and write", () => {
  assert.equal(parseIpv4("10.129.0.1"), 0x0a810001);
  assert.equal(formatIpv4(0xc0000201), "192.0.2.1");
  assert.equal(macOf(0x0a810001), "02:42:0a:81:00:01");
  for (const bad of ["1.2.3", "1.2.3.256", "01.2.3.4", "a.b.c.d", "::1", "1.2.3.4.5"]) assert.equal(parseIpv4(bad), undefined, bad);
});

test("subnets are cut to their mask", () => {
  const subnet = parseSubnet("10.213.77.9/24");
  assert.equal(formatSubnet(subnet), "10.213.77.0/24");
  assert.deepEqual([contains(subnet, 0x0ad54d37), contains(subnet, 0x0ad54e37)], [true, false]);
  for (const bad of ["10.0.0.0", "10.0.0.0/31", "10.0.0.0/x", "fd00::/64"]) assert.throws(() => parseSubnet(bad), TsbuildError, bad);
});

test("overlap is found from either side", () => {
  const [wide, inner, other] = ["10.0.0.0/8", "10.129.0.0/16", "11.0.0.0/16"].map(parseSubnet);
  assert.ok(wide && inner && other);
  assert.deepEqual([overlaps(wide, inner), overlaps(inner, wide), overlaps(inner, other)], [true, true, false]);
});

test("routes are read as the kernel prints them", () => {
  const text =
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\neth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
  assert.deepEqual(
    parseRoutes(text).map(({ device, subnet }) => [device, formatSubnet(subnet)]),
    [
      ["eth0", "0.0.0.0/0"],
      ["eth0", "192.0.2.0/24"],
    ],
  );
});

test("the default network keeps clear of the host's routes; a chosen one that collides is an error", () => {
  const taken = ["10.0.0.0/8", "0.0.0.0/0"].map((text) => ({
    device: "eth0",
    subnet: text === "0.0.0.0/0" ? { base: 0, prefix: 0 } : parseSubnet(text),
  }));
  assert.equal(formatSubnet(chooseSubnet({ bridge: "b" }, [])), "10.129.0.0/16");
  assert.equal(formatSubnet(chooseSubnet({ bridge: "b" }, taken)), "172.29.0.0/16");
  assert.throws(
    () => chooseSubnet({ bridge: "b", subnet: "10.5.0.0/24" }, taken),
    (error) => error instanceof TsbuildError && error.code === "SUBNET_TAKEN",
  );
});

test("an address belongs to one, until it is freed; a kept one until it is released", () => {
  const kernel = loadKernel();
  const folder = mkdtempSync(join(tmpdir(), "tsbuild-leases-"));
  const range = { first: 0x0a810002, last: 0x0a810003 };
  const [one, two] = [leaseAddress(kernel, folder, range), leaseAddress(kernel, folder, range)];
  assert.notEqual(one.address, two.address);
  assert.throws(
    () => leaseAddress(kernel, folder, range),
    (error) => error instanceof TsbuildError && error.code === "ADDRESSES_EXHAUSTED",
  );
  one[Symbol.dispose]();
  assert.equal(isLeased(kernel, folder, formatIpv4(one.address)), false);
  assert.equal(isAnyLeased(kernel, folder), true);
  two.persist("box");
  two[Symbol.dispose]();
  assert.throws(() => leaseFixedAddress(kernel, folder, two.address), /already in use/);
  releaseAddress(folder, formatIpv4(two.address));
  assert.equal(isAnyLeased(kernel, folder), false);
  rmSync(folder, { recursive: true });
});

test("hosts has the local names, the given ones and one's own", () => {
  const text = hostsFile({ hostname: "me", ip: "10.1.1.1", extraHosts: [{ name: "db", ip: "10.1.2.3" }] });
  assert.match(text, /^127\.0\.0\.1\tlocalhost\n/);
  assert.ok(text.endsWith("10.1.2.3\tdb\n10.1.1.1\tme\n"));
});

const files = (host: string, systemd?: string): { readonly host: string; readonly systemd: string | undefined } => ({ host, systemd });

test("servers on the host's loopback are replaced on a bridge, kept on the host's network", () => {
  const stub = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch lan\n";
  assert.equal(
    resolvConf({ files: files(stub, "nameserver 192.0.2.9\n"), network: "bridge" }),
    "nameserver 192.0.2.9\nsearch lan\noptions edns0 trust-ad\n",
  );
  assert.match(resolvConf({ files: files(stub), network: "bridge" }), /^nameserver 8\.8\.8\.8\nnameserver 8\.8\.4\.4\n/);
  assert.match(resolvConf({ files: files(stub), network: "host" }), /^nameserver 127\.0\.0\.53\n/);
});

test("what the user says replaces the host's, part by part", () => {
  assert.equal(
    resolvConf({
      files: files("nameserver 1.1.1.1\nsearch lan\n"),
      network: "bridge",
      dns: ["10.9.8.7"],
      search: ["example.test"],
      options: ["ndots:3"],
    }),
    "nameserver 10.9.8.7\nsearch example.test\noptions ndots:3\n",
  );
  assert.equal(resolvConf({ files: files("nameserver 1.1.1.1\nsearch lan\n"), network: "bridge", search: ["."] }), "nameserver 1.1.1.1\n");
});

test("a link-local resolver is the only door to those addresses", () => {
  assert.deepEqual(linkLocalResolvers(files("nameserver 169.254.169.254\nnameserver 1.1.1.1\n")), ["169.254.169.254"]);
  const rules = baseRules({ bridge: "b0", subnet: "10.0.0.0/16", resolvers: ["169.254.169.254"], isInternal: false });
  const door = rules.findIndex((rule) => rule.includes("169.254.169.254 udp dport 53 accept"));
  assert.ok(door !== -1 && door < rules.findIndex((rule) => rule.includes("169.254.0.0/16") && rule.endsWith("drop")));
});

test("ports lead through the map of their kind of address", () => {
  const port = { hostIp: "127.0.0.1", hostPort: 8080, containerPort: 80, protocol: "tcp" } as const;
  assert.deepEqual([portMap(port), portElement(port, "10.0.0.2")], ["ip tsbuild ports", "{ tcp . 127.0.0.1 . 8080 : 10.0.0.2 . 80 }"]);
  assert.deepEqual(
    [portMap({ ...port, hostIp: "0.0.0.0" }), portElement({ ...port, hostIp: "0.0.0.0" }, "10.0.0.2")],
    ["ip tsbuild ports_any", "{ tcp . 8080 : 10.0.0.2 . 80 }"],
  );
});

test("only foreign chains that drop at the forward hook are opened, each once", () => {
  const chain = (family: string, table: string, name: string, policy?: string, hook = "forward"): Readonly<Record<string, unknown>> => ({
    chain: { family, table, name, ...(policy === undefined ? {} : { hook, policy }) },
  });
  assert.deepEqual(
    openingsIn([
      chain("ip", "filter", "FORWARD", "accept"),
      chain("ip", "filter", "INPUT", "drop", "input"),
      chain("ip", "tsbuild", "forwarding", "drop"),
      chain("ip6", "filter", "FORWARD", "drop"),
    ]),
    [],
  );
  assert.deepEqual(
    openingsIn([chain("inet", "own", "fw", "drop"), chain("ip", "filter", "FORWARD", "drop"), chain("ip", "filter", "DOCKER-USER")]),
    [
      { family: "inet", table: "own", chain: "fw" },
      { family: "ip", table: "filter", chain: "DOCKER-USER" },
    ],
  );
});
