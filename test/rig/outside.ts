/**
 * A machine beyond this one: a network namespace with a server of ours, reached over a link of its own. It knows no way to
 * the containers' network, so an answer comes back only through NAT. Addresses are those for documentation (RFC 5737).
 */
import { type Running, must, run } from "./process.js";
import { Running as Program } from "./process.js";

const HERE = "198.51.100.1";
const THERE = "198.51.100.2";
const NAMESPACE = "tstest-outside";
const LINK = "tstest0";

/** HTTP on port 80 answers with the caller's address; DNS on port 53 knows every name below `outside.test`. */
const SERVER = `
const http = require("node:http"), dgram = require("node:dgram");
http.createServer((request, response) => response.end(request.socket.remoteAddress + "\\n")).listen(80, "${THERE}", () => {
  const dns = dgram.createSocket("udp4");
  dns.on("message", (query, peer) => {
    let end = 12; while (query[end] !== 0) end += query[end] + 1;
    const name = query.subarray(12, end + 1), type = query.readUInt16BE(end + 1);
    const known = /outside.test.$/s.test(name.toString("latin1").replace(/[\\x01-\\x1f]/g, ".").slice(0, -1) + ".");
    const hasAnswer = known && type === 1;
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(known ? 0x8580 : 0x8583, 2); head.writeUInt16BE(1, 4); head.writeUInt16BE(hasAnswer ? 1 : 0, 6); head.writeUInt32BE(0, 8);
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...[${THERE.split(".").join(", ")}]]);
    dns.send(Buffer.concat([head, query.subarray(12, end + 5), ...(hasAnswer ? [answer] : [])]), peer.port, peer.address);
  });
  dns.bind(53, "${THERE}", () => console.log("ready"));
});
`;

export interface Outside extends AsyncDisposable {
  readonly address: string;
  /** What the server sees of callers that come through NAT. */
  readonly hostAddress: string;
}

export async function openOutside(): Promise<Outside> {
  await close();
  await must("ip", "netns", "add", NAMESPACE);
  await must("ip", "link", "add", LINK, "type", "veth", "peer", "name", "eth0", "netns", NAMESPACE);
  await must("ip", "address", "add", `${HERE}/24`, "dev", LINK);
  await must("ip", "link", "set", LINK, "up");
  for (const line of [`address add ${THERE}/24 dev eth0`, "link set eth0 up", "link set lo up"])
    await must("ip", "-n", NAMESPACE, ...line.split(" "));
  const server = new Program("ip", ["netns", "exec", NAMESPACE, process.execPath, "-e", SERVER], { timeoutMs: 600_000 });
  await server.until(({ stdout }) => stdout.includes("ready"));
  return { address: THERE, hostAddress: HERE, [Symbol.asyncDispose]: () => close(server) };
}

async function close(server?: Running): Promise<void> {
  server?.killGroup("SIGKILL");
  await server?.ended;
  await run("ip", ["link", "delete", LINK]);
  await run("ip", ["netns", "delete", NAMESPACE]);
}
