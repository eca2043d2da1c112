import type { HttpResponse } from "./transport.js";

/** The body of a response that is meant to be small; undefined when it is larger than that, and the rest isn't read. */
export async function readBody(response: HttpResponse, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    if (!Buffer.isBuffer(chunk)) throw new Error("Internal error: a response body that isn't bytes");
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxBytes) return undefined;
  }
  return Buffer.concat(chunks);
}
