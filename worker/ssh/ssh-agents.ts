/** The agents that a build was given with --ssh, by id. Each is started, or found, when it is first wanted. */
import { chmodSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { CleanupStack } from "../../base/cleanup.js";
import { TsbuildError } from "../../base/errors.js";
import type { Store } from "../../cache/store.js";
import type { SshSource } from "../types.js";

export interface RelayRequest {
  readonly id: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

export interface AgentSocket extends AsyncDisposable {
  readonly path: string;
}

/** Owns the agents that it starts, and the folder of their sockets. */
export class SshAgents implements AsyncDisposable {
  readonly #store: Store;
  readonly #sources: ReadonlyMap<string, SshSource>;
  readonly #stack = new CleanupStack();
  readonly #sockets = new Map<string, Promise<string>>();
  #folder: Promise<string> | undefined;
  #count = 0;

  constructor(store: Store, sources: ReadonlyMap<string, SshSource>) {
    this.#store = store;
    this.#sources = sources;
  }

  has(id: string): boolean {
    return this.#sources.has(id);
  }

  /** The agent's own socket; undefined: there is none of that id. @throws {TsbuildError} SSH_AGENT, SSH_KEY, SSH_MISSING */
  async socket(id: string): Promise<string | undefined> {
    const source = this.#sources.get(id);
    if (source === undefined) return undefined;
    const known = this.#sockets.get(id) ?? this.#open(id, source);
    known.catch(() => undefined);
    this.#sockets.set(id, known);
    return known;
  }

  /** A socket for one step: through it keys can be listed and used, not changed. @throws as `socket` */
  async relay({ id, uid, gid, mode }: RelayRequest): Promise<AgentSocket | undefined> {
    const agent = await this.socket(id);
    if (agent === undefined) return undefined;
    const { startRelay } = await import("./agent-relay.js");
    const path = join(await this.#ownFolder(), `step-${this.#count++}`);
    const relay = await startRelay({ path, agent, uid, gid, mode });
    return { path, [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose]() };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack[Symbol.asyncDispose]();
  }

  async #open(id: string, source: SshSource): Promise<string> {
    if (source.type === "socket") {
      if (statSync(source.path, { throwIfNoEntry: false })?.isSocket() === true) return source.path;
      throw new TsbuildError("SSH_AGENT", `the agent of --ssh ${id} is not there: ${source.path} is no socket`, {
        hint: "is ssh-agent running? ssh-add -l tells",
      });
    }
    const { startKeyAgent } = await import("./key-agent.js");
    const socket = join(await this.#ownFolder(), `agent-${this.#count++}`);
    this.#stack.use(await startKeyAgent(socket, id, source.paths));
    return socket;
  }

  #ownFolder(): Promise<string> {
    this.#folder ??= this.#makeFolder();
    return this.#folder;
  }

  /** In the store, where the address of a socket has room for that; else below /tmp. */
  async #makeFolder(): Promise<string> {
    const { lease, temp } = this.#store;
    const inStore = temp.folder();
    this.#stack.defer(() => temp.remove(inStore));
    if (Buffer.byteLength(inStore) <= LONGEST_FOLDER) return inStore;
    const path = mkdtempSync("/tmp/tsbuild-ssh-");
    const owned = { type: "path", path } as const;
    this.#stack.defer(async () => {
      rmSync(path, { recursive: true, force: true });
      await lease.release(owned);
    });
    await lease.own(owned);
    chmodSync(path, 0o700);
    return path;
  }
}

/** unix(7): 108 bytes with the NUL, and names of ours below it. */
const LONGEST_FOLDER = 90;
