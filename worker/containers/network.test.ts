import assert from "node:assert/strict";
import { test } from "node:test";
import { portsOf } from "./network.js";
import type { NetworkRequest } from "./types.js";

const REQUEST: NetworkRequest = {
  mode: "bridge",
  ports: [{ hostIp: "0.0.0.0", hostPort: 8080, containerPort: 80, protocol: "tcp" }],
  publishesAll: false,
  defaultAddress: "127.0.0.1",
  exposed: [],
  extraHosts: [],
  nameservers: [],
  search: [],
  options: [],
};

test("-P publishes what is exposed and not published yet, each on a free port", () => {
  assert.deepEqual(portsOf(REQUEST, ["80/tcp", "53/udp"]), REQUEST.ports);
  assert.deepEqual(portsOf({ ...REQUEST, publishesAll: true }, ["80/tcp", "80/udp"]), [
    ...REQUEST.ports,
    { hostIp: "127.0.0.1", hostPort: 0, containerPort: 80, protocol: "udp" },
  ]);
});
