/**
 * Real pipes for a child. Node's own are socket pairs, and a program that opens /dev/stdout fails on a socket with ENXIO.
 * A FIFO that is unlinked as soon as both ends are open is a pipe.
 */
import { closeSync, constants, openSync, unlinkSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Kernel } from "../sys/types.js";

export interface Pipe {
  readonly readFd: number;
  readonly writeFd: number;
}

/** stat.h S_IFIFO */
const S_IFIFO = 0o010000;

/** Both ends are close-on-exec and belong to the caller. `folder` is a private one; the name vanishes at once. */
export function makePipe(kernel: Kernel, folder: string, name: string): Pipe {
  const path = join(folder, `${name}.pipe`);
  kernel.mknod(path, S_IFIFO | 0o600, 0, 0);
  try {
    // A reader that doesn't wait lets the writer open without waiting. Each end is an open file of its own, so that
    // what Node sets on ours (O_NONBLOCK) isn't seen by the child.
    const first = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writeFd = openSync(path, constants.O_WRONLY);
    const readFd = openSync(path, constants.O_RDONLY);
    closeSync(first);
    return { readFd, writeFd };
  } finally {
    unlinkSync(path);
  }
}

/** Calls `sink` with all that comes until the last writer is gone. Takes over `fd`. Holds the writer back only where `sink` returns a promise. */
export async function drain(fd: number, sink: (data: Uint8Array) => void | Promise<void>): Promise<void> {
  const socket = new Socket({ fd, readable: true, writable: false });
  const fail = (error: unknown): void => void socket.destroy(error instanceof Error ? error : new Error(String(error)));
  await new Promise<void>((resolve, reject) => {
    socket.on("data", (data) => {
      try {
        const taken = sink(data);
        if (taken === undefined) return;
        socket.pause();
        taken.then(() => socket.resume(), fail);
      } catch (error) {
        fail(error);
      }
    });
    socket.once("error", reject);
    socket.once("close", () => resolve());
  });
}

/** Passes `source` on to `fd`, which it takes over, and closes it at the end. A reader that has gone away is no error. Returns a stop function. */
export function feed(fd: number, source: Readable): () => void {
  const socket = new Socket({ fd, readable: false, writable: true });
  socket.on("error", () => {
    source.unpipe(socket);
  });
  source.pipe(socket);
  return () => {
    source.unpipe(socket);
    socket.destroy();
    if (source === process.stdin) source.pause();
  };
}
