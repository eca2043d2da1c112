/** A blob from a registry into a sink: checked, and resumed where the connection broke. */
import { createHash, type Hash } from "node:crypto";
import { digestFromHex } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import type { Descriptor } from "../types.js";
import { delayAfter, isRetryableError, pause, type RetryPolicy } from "./retry.js";
import type { HttpResponse } from "./transport.js";

/** Takes the bytes in order. A content store's writer is one. */
export interface BlobSink {
  write(chunk: Uint8Array): Promise<void>;
  /** Its owner computes the digest anyway and checks it afterwards: it is not computed twice. */
  readonly checksDigest?: true;
}

export type OnProgress = (currentBytes: number, totalBytes: number) => void;

export interface Download {
  readonly descriptor: Descriptor;
  readonly sink: BlobSink;
  readonly retry: RetryPolicy;
  readonly onProgress?: OnProgress | undefined;
  /** Asks for the blob from this byte on; the answer may start at 0 all the same. Throws what can't be retried. */
  readonly open: (offset: number) => Promise<HttpResponse>;
}

/** Progress that gives a broken connection its attempts back. */
const GOOD_PROGRESS = 1024 * 1024;

interface Progress {
  offset: number;
  readonly hash: Hash | undefined;
}

/** Size and, unless the sink does it, digest are checked. @throws {TsbuildError} BLOB_MISMATCH when the bytes aren't those of the descriptor */
export async function download(job: Download, signal: AbortSignal): Promise<void> {
  const { descriptor, retry } = job;
  const progress: Progress = { offset: 0, hash: job.sink.checksDigest === true ? undefined : createHash("sha256") };
  let canResume = true;
  for (let attempt = 1; ; attempt++) {
    const before = progress.offset;
    let failure: unknown;
    try {
      const asked = canResume ? progress.offset : 0;
      const response = await job.open(asked);
      const start = startOf(response, asked);
      if (start === undefined) {
        canResume = false;
        await response.dump();
        failure = cutShort(descriptor, progress.offset);
      } else {
        await receive(job, response, start, progress, signal);
        if (progress.offset === descriptor.size) return checkDigest(descriptor, progress.hash);
        failure = cutShort(descriptor, progress.offset);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!isRetryableError(error)) throw error;
      failure = error;
    }
    if (progress.offset - before >= GOOD_PROGRESS) attempt = 1;
    const delayMs = delayAfter(attempt, undefined, retry, Math.random());
    if (delayMs === undefined)
      throw new TsbuildError(
        "REGISTRY_UNREACHABLE",
        `the download of ${descriptor.digest} broke off at byte ${progress.offset} of ${descriptor.size}`,
        { cause: failure },
      );
    await pause(delayMs, signal);
  }
}

/** The offset of the response's first byte, or undefined when it's not a range that fits: then all of it is asked for again. */
function startOf(response: HttpResponse, asked: number): number | undefined {
  if (response.status === 200) return 0;
  const range = /^bytes (\d+)-/.exec(response.header("content-range") ?? "")?.[1];
  return response.status === 206 && range !== undefined && Number(range) === asked ? asked : undefined;
}

/** Bytes that we have already are skipped. */
async function receive(job: Download, response: HttpResponse, start: number, progress: Progress, signal: AbortSignal): Promise<void> {
  const { descriptor, sink, onProgress } = job;
  let at = start;
  for await (const chunk of response.body) {
    signal.throwIfAborted();
    if (!Buffer.isBuffer(chunk)) throw new Error("Internal error: a response body that isn't bytes");
    const fresh = chunk.subarray(Math.min(chunk.length, Math.max(0, progress.offset - at)));
    at += chunk.length;
    if (fresh.length === 0) continue;
    if (progress.offset + fresh.length > descriptor.size) {
      throw new TsbuildError("BLOB_MISMATCH", `${response.url.host} sends more than the ${descriptor.size} bytes of ${descriptor.digest}`);
    }
    progress.hash?.update(fresh);
    await sink.write(fresh);
    progress.offset += fresh.length;
    onProgress?.(progress.offset, descriptor.size);
  }
}

function checkDigest(descriptor: Descriptor, hash: Hash | undefined): void {
  if (hash === undefined) return;
  const found = digestFromHex(hash.digest("hex"));
  if (found !== descriptor.digest) {
    throw new TsbuildError("BLOB_MISMATCH", `the registry sent other bytes for ${descriptor.digest}: their digest is ${found}`, {
      hint: "the registry or something before it is broken; nothing was kept",
    });
  }
}

function cutShort(descriptor: Descriptor, offset: number): Error {
  return new Error(`the response ended at byte ${offset} of ${descriptor.size}`);
}
