import assert from "node:assert/strict";
import { test } from "node:test";
import { parseExpose, parsePublish } from "./ports.js";

const publish = (text: string): readonly string[] =>
  parsePublish(text, "127.0.0.1").map(
    ({ hostIp, hostPort, containerPort, protocol }) => `${hostIp}:${hostPort}->${containerPort}/${protocol}`,
  );

test("without an address the default one, without a port of the host any", () => {
  assert.deepEqual(publish("8080:80"), ["127.0.0.1:8080->80/tcp"]);
  assert.deepEqual([...publish("80"), ...publish("0:80")], ["127.0.0.1:0->80/tcp", "127.0.0.1:0->80/tcp"]);
  assert.deepEqual(publish("0.0.0.0:8080:80/udp"), ["0.0.0.0:8080->80/udp"]);
  assert.deepEqual(publish("10.0.0.1::53/UDP"), ["10.0.0.1:0->53/udp"]);
});

test("ranges go pairwise and have the same length", () => {
  assert.deepEqual(publish("8000-8001:80-81"), ["127.0.0.1:8000->80/tcp", "127.0.0.1:8001->81/tcp"]);
  assert.throws(() => publish("8000-8002:80-81"), { message: /same length/ });
});

test("what is no port is refused", () => {
  for (const text of ["", "x", "0", "70000", "90-80", "1:2:3:4", "a:1:2", "80/icmp"])
    assert.throws(() => publish(text), { code: "USAGE" }, text);
  assert.throws(() => publish("[::1]:80:80"), { code: "UNSUPPORTED" });
  assert.throws(() => publish("80/sctp"), { code: "UNSUPPORTED" });
});

test("exposed ports are TCP unless they say otherwise", () => {
  assert.deepEqual([...parseExpose("80-81"), ...parseExpose("53/udp")], ["80/tcp", "81/tcp", "53/udp"]);
});
