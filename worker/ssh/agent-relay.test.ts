import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { type Socket, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { MAX_MESSAGE_BYTES, MessageReader, isAllowed } from "./agent-protocol.js";
import { startRelay } from "./agent-relay.js";

function message(type: number, body = ""): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from([type]), Buffer.from(body)]);
  bytes.writeUInt32BE(bytes.length - 4, 0);
  return bytes;
}

const FAILURE = message(5);

interface Rig {
  readonly path: string;
  /** Types that came through. */
  readonly seen: number[];
  readonly client: Socket;
  /** Resolves to so many bytes of answers. */
  readonly read: (bytes: number) => Promise<Buffer>;
}

/** An agent that answers each request with type 12 and the request's type. */
async function rig(t: TestContext): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), "relay-"));
  const seen: number[] = [];
  const agent = createServer((socket) => {
    const reader = new MessageReader();
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      for (const request of reader.push(chunk)) {
        seen.push(request[4] ?? 0);
        setImmediate(() => socket.write(message(12, String(request[4]))));
      }
    });
  });
  await new Promise<void>((resolve) => agent.listen(join(folder, "agent"), resolve));
  const path = join(folder, "relay");
  const relay = await startRelay({ path, agent: join(folder, "agent"), uid: 7, gid: 8, mode: 0o640 });
  const client = connect(path);
  client.on("error", () => undefined);
  let received: Buffer = Buffer.alloc(0);
  client.on("data", (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
  t.after(async () => {
    await relay[Symbol.asyncDispose]();
    client.destroy();
    agent.close();
    rmSync(folder, { recursive: true });
  });
  const read = async (bytes: number): Promise<Buffer> => {
    while (received.length < bytes) await new Promise<void>((resolve) => client.once("data", () => resolve()));
    const taken = received.subarray(0, bytes);
    received = received.subarray(bytes);
    return taken;
  };
  return { path, seen, client, read };
}

test("keys can be listed and used; nothing else gets to the agent, and answers keep their order", async (t) => {
  const { seen, client, read, path } = await rig(t);
  // adding, removing, locking, unlocking, smartcards, extensions, version 1, and what nobody knows
  const refused = [1, 3, 7, 8, 9, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 0, 255];
  const requests = refused.flatMap((type) => [message(type, "x"), message(13, "key and data")]);
  const bytes = Buffer.concat([...requests, message(11)]);
  for (let at = 0; at < bytes.length; at += 7) client.write(bytes.subarray(at, at + 7));
  const expected = Buffer.concat([...refused.flatMap(() => [FAILURE, message(12, "13")]), message(12, "11")]);
  assert.deepEqual(await read(expected.length), expected);
  assert.deepEqual(seen, [...refused.map(() => 13), 11]);
  const { uid, gid, mode } = statSync(path);
  assert.deepEqual([uid, gid, mode & 0o7777], [7, 8, 0o640]);
});

test("a message without end closes the connection, and the agent sees none of it", async (t) => {
  const { seen, client } = await rig(t);
  const header = Buffer.alloc(5);
  header.writeUInt32BE(MAX_MESSAGE_BYTES + 1, 0);
  const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
  client.write(header);
  await closed;
  assert.deepEqual(seen, []);
});

test("more requests than are let wait are answered all the same", async (t) => {
  const { client, read } = await rig(t);
  client.write(Buffer.concat(Array.from({ length: 1000 }, () => message(11))));
  assert.equal((await read(1000 * message(12, "11").length)).length, 1000 * message(12, "11").length);
});

test("a list request with more behind it is none", () => {
  assert.deepEqual([isAllowed(message(11)), isAllowed(message(11, "x")), isAllowed(message(13, "x"))], [true, false, true]);
});
