/** A socket for a step behind which is an agent that can only be used, not changed. */
import { chmodSync, chownSync } from "node:fs";
import { type Server, type Socket, connect, createServer } from "node:net";
import { once } from "node:events";
import { FAILURE_MESSAGE, MessageReader, isAllowed } from "./agent-protocol.js";

export interface RelayOptions {
  /** Where the socket is made; short enough for an address (unix(7): 107 bytes). */
  readonly path: string;
  /** The agent's own. */
  readonly agent: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Of one step at a time: more are nobody's honest need. */
const MAX_CONNECTIONS = 64;
/** Requests that wait for their answer, on one connection. */
const MAX_WAITING = 64;

/** Listens until disposed; that ends all connections. */
export async function startRelay({ path, agent, uid, gid, mode }: RelayOptions): Promise<AsyncDisposable> {
  const connections = new Set<Socket>();
  const server = createServer((client) => {
    connections.add(client);
    client.once("close", () => connections.delete(client));
    relay(client, agent);
  });
  server.maxConnections = MAX_CONNECTIONS;
  // Closed to all but us until it has its owner.
  server.listen({ path, readableAll: false, writableAll: false });
  await once(server, "listening");
  chownSync(path, uid, gid);
  chmodSync(path, mode);
  return { [Symbol.asyncDispose]: () => stop(server, connections) };
}

async function stop(server: Server, connections: ReadonlySet<Socket>): Promise<void> {
  for (const client of connections) client.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

/** One request after the other: an answer has no number, so it belongs to the oldest request. */
function relay(client: Socket, agentPath: string): void {
  const agent = connect(agentPath);
  const [requests, answers] = [new MessageReader(), new MessageReader()];
  const waiting: Buffer[] = [];
  let isAsked = false;
  const end = (): void => {
    client.destroy();
    agent.destroy();
  };
  const next = (): void => {
    for (let request = waiting[0]; request !== undefined && !isAsked; request = waiting[0]) {
      waiting.shift();
      if (isAllowed(request)) {
        isAsked = true;
        agent.write(request);
      } else client.write(FAILURE_MESSAGE);
    }
    if (waiting.length < MAX_WAITING) client.resume();
  };
  const guarded = (work: () => void) => (): void => {
    try {
      work();
    } catch {
      end();
    }
  };
  client.on("data", (chunk: Buffer) =>
    guarded(() => {
      waiting.push(...requests.push(chunk));
      if (waiting.length >= MAX_WAITING) client.pause();
      next();
    })(),
  );
  agent.on("data", (chunk: Buffer) =>
    guarded(() => {
      for (const answer of answers.push(chunk)) {
        // one that nobody asked for
        if (!isAsked) return end();
        isAsked = false;
        client.write(answer);
      }
      next();
    })(),
  );
  for (const socket of [client, agent]) {
    socket.on("error", end);
    socket.on("close", end);
  }
}
