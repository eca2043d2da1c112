import { fstatSync, write } from "node:fs";
import { isatty } from "node:tty";
import { isErrno } from "../base/errors.js";

const RETRY_MS = 5;
/** Major device number of /dev/null and its like (Linux, Documentation/admin-guide/devices.txt). */
const MEMORY_DEVICES = 1;

/**
 * Writes text to a file descriptor in order, without ever blocking the main thread: Node's own stdout and stderr
 * write synchronously, so that a terminal stopped by Ctrl-S would stop the whole build.
 */
export class FdWriter {
  readonly #fd: number;
  #queue: Buffer[] = [];
  #backlogBytes = 0;
  #isBroken = false;
  #drained: Promise<void> | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get isTerminal(): boolean {
    return mayBeTerminal(this.#fd) && isatty(this.#fd);
  }

  /** What was written but not yet taken. Large: the reader is slow. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  write(text: string): void {
    if (this.#isBroken || text === "") return;
    const bytes = Buffer.from(text);
    this.#queue.push(bytes);
    this.#backlogBytes += bytes.length;
    this.#drained ??= this.#drain();
  }

  /** Resolves when everything is written, or when nobody reads any more. */
  async flush(): Promise<void> {
    await this.#drained;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0 && !this.#isBroken) {
      const batch = Buffer.concat(this.#queue);
      this.#queue = [];
      await this.#writeAll(batch);
      this.#backlogBytes -= batch.length;
    }
    this.#drained = undefined;
  }

  async #writeAll(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length && !this.#isBroken;) {
      try {
        done += await writeOnce(this.#fd, bytes.subarray(done));
      } catch (error) {
        // Another program has made the shared descriptor non-blocking: try again. Anything else (EPIPE): nobody reads.
        if (isErrno(error, "EAGAIN")) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        else this.#isBroken = true;
      }
    }
  }
}

function writeOnce(fd: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
}

/** False for what is certainly none: node:tty takes milliseconds to load. */
function mayBeTerminal(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    return stat.isCharacterDevice() && stat.rdev >> 8 !== MEMORY_DEVICES;
  } catch (error) {
    if (isErrno(error, "EBADF")) return false;
    throw error;
  }
}
