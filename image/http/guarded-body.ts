/** A body of unknown length and pace: ended when it is too long, or when it only drips. */
import type { HttpResponse } from "../registry/transport.js";
import { fetchError } from "./http-error.js";

export interface BodyLimits {
  readonly maxBytes: number;
  /** In each window of so many milliseconds … */
  readonly windowMs: number;
  /** … at least so many bytes have to come, else the sender is taken for one that wants to hold us. */
  readonly leastBytes: number;
}

/**
 * The bytes in order.
 * @throws {TsbuildError} HTTP_TOO_LARGE, HTTP_TOO_SLOW; and what the connection throws
 */
export async function* guardedBody(asked: URL, response: HttpResponse, limits: BodyLimits): AsyncGenerator<Buffer> {
  // A body that is left unread fails with an error of its own, and there may be nobody else to hear it.
  response.body.on("error", () => undefined);
  refuseLength(asked, response, limits);
  let total = 0;
  let before = 0;
  const watch = setInterval(() => {
    if (total - before < limits.leastBytes) response.body.destroy(tooSlow(asked, limits));
    before = total;
  }, limits.windowMs);
  try {
    for await (const chunk of response.body) {
      if (!Buffer.isBuffer(chunk)) throw new Error("Internal error: a response body that isn't bytes");
      total += chunk.length;
      if (total > limits.maxBytes) throw tooLarge(asked, limits);
      yield chunk;
    }
  } finally {
    clearInterval(watch);
    response.body.destroy();
  }
}

function refuseLength(asked: URL, response: HttpResponse, limits: BodyLimits): void {
  if (Number(response.header("content-length") ?? 0) <= limits.maxBytes) return;
  response.body.destroy();
  throw tooLarge(asked, limits);
}

function tooLarge(asked: URL, { maxBytes }: BodyLimits): Error {
  return fetchError(asked, "HTTP_TOO_LARGE", `the file has more than ${maxBytes} bytes`, {
    hint: "fetch it in a RUN step if it really is that large",
  });
}

function tooSlow(asked: URL, { leastBytes, windowMs }: BodyLimits): Error {
  return fetchError(asked, "HTTP_TOO_SLOW", `less than ${leastBytes} bytes came in ${windowMs / 1000} s`, { hint: "try again later" });
}
