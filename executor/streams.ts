/** Which files the runtime gets as stdin, stdout and stderr, and what becomes of the bytes. */
import { closeSync, writeSync } from "node:fs";
import type { Readable } from "node:stream";
import { isatty } from "node:tty";
import { isErrno } from "../base/errors.js";
import type { Kernel } from "../sys/types.js";
import { drain, feed, makePipe } from "./stdio.js";
import type { OutputSink } from "./types.js";

export type Input = "null" | "inherit" | Readable;

export interface StreamRequest {
  readonly stdin: Input;
  readonly onOutput?: OutputSink | undefined;
  /** For the pipes' short-lived names. */
  readonly folder: string;
  /** A pseudo-terminal outside: there is one stream of output. */
  readonly isWrapped: boolean;
}

export interface Streams {
  readonly stdio: readonly ["ignore" | number, number, number];
  /** To be called when the child has been started: closes its ends here and begins to pass bytes on. `onFailure`: a sink has thrown. */
  started(onFailure: (error: unknown) => void): void;
  /** Resolves when all output has been read. Input is no longer passed on afterwards. */
  finished(): Promise<void>;
  /** When the child could not be started. */
  discard(): void;
}

/**
 * A terminal is never handed on as it is: a process in the container could read the user's keys from it and set its modes.
 * So without `onOutput` the output is inherited when it is a file or a pipe, and passed on when it is a terminal.
 */
export function openStreams(kernel: Kernel, request: StreamRequest): Streams {
  const { folder, isWrapped } = request;
  const theirs: number[] = [];
  const ours: number[] = [];
  const tasks: (() => Promise<void> | undefined)[] = [];
  const stops: (() => void)[] = [];
  const output = (stream: 1 | 2): number => {
    const sink = sinkFor(stream, request.onOutput);
    if (sink === undefined) return stream;
    const pipe = makePipe(kernel, folder, stream === 1 ? "stdout" : "stderr");
    theirs.push(pipe.writeFd);
    ours.push(pipe.readFd);
    tasks.push(() => drain(pipe.readFd, sink));
    return pipe.writeFd;
  };
  const input = (): "ignore" | number => {
    const source = inputSource(request);
    if (source === "ignore" || source === 0) return source;
    const pipe = makePipe(kernel, folder, "stdin");
    theirs.push(pipe.readFd);
    ours.push(pipe.writeFd);
    tasks.push(() => {
      // No source: an input that stays silent, and open until the end.
      stops.push(source === undefined ? () => closeSync(pipe.writeFd) : feed(pipe.writeFd, source));
      return undefined;
    });
    return pipe.readFd;
  };
  const stdin = input();
  const stdout = output(1);
  const stdio = [stdin, stdout, isWrapped ? stdout : output(2)] as const;
  let running: readonly Promise<void>[] = [];
  return {
    stdio,
    started: (onFailure) => {
      running = tasks.map((task) => (task() ?? Promise.resolve()).catch(onFailure));
      for (const fd of theirs) closeSync(fd);
    },
    finished: async () => {
      await Promise.all(running);
      for (const stop of stops) stop();
    },
    discard: () => {
      for (const fd of [...theirs, ...ours]) closeSync(fd);
    },
  };
}

/** `undefined`: hand the descriptor itself on. */
function sinkFor(stream: 1 | 2, onOutput: OutputSink | undefined): ((data: Uint8Array) => void | Promise<void>) | undefined {
  if (onOutput !== undefined) return (data) => onOutput(stream, data);
  return isatty(stream) ? (data) => writeAll(stream, data) : undefined;
}

function inputSource({ stdin, isWrapped }: StreamRequest): "ignore" | 0 | Readable | undefined {
  if (stdin === "null") return isWrapped ? undefined : "ignore";
  if (stdin !== "inherit") return stdin;
  return isatty(0) && !isWrapped ? process.stdin : 0;
}

/** A terminal in non-blocking mode takes what it can. */
function writeAll(fd: number, data: Uint8Array): void {
  for (let offset = 0; offset < data.length;) {
    try {
      offset += writeSync(fd, data, offset);
    } catch (error) {
      if (!isErrno(error, "EAGAIN")) throw error;
    }
  }
}
