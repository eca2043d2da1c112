/** The whole output of one step: a file in the build's folder, and events as it comes. */
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Digest } from "../base/digest.js";
import type { EventSink } from "../base/events.js";

export class StepLog implements Disposable {
  readonly path: string;
  readonly #vertex: Digest;
  readonly #events: EventSink;
  #fd: number | undefined;

  constructor(path: string, vertex: Digest, events: EventSink) {
    this.path = path;
    this.#vertex = vertex;
    this.#events = events;
  }

  /** True once there was output: only then is there a file. */
  get isWritten(): boolean {
    return this.#fd !== undefined;
  }

  write(stream: 1 | 2, data: Uint8Array): void {
    this.#fd ??= this.#create();
    for (let at = 0; at < data.length;) at += writeSync(this.#fd, data, at);
    this.#events({ type: "step-output", vertex: this.#vertex, stream, data, atMs: Date.now() });
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }

  #create(): number {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    return openSync(this.path, "w", 0o600);
  }
}
