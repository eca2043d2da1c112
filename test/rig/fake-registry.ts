/** A registry that serves OCI layouts from this process and can be told to misbehave. */
import { readFileSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { join } from "node:path";

/** What is done with a blob instead of sending it: bytes to send in its place, or `stall` after the first kilobyte. */
export type Mischief = (digest: string, bytes: Buffer) => Buffer | "stall" | undefined;

export interface FakeRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Paths of the requests so far. */
  readonly requests: readonly string[];
  mischief: Mischief;
}

/** Serves the one image of the layout under any name. */
export async function serveLayout(layout: string): Promise<FakeRegistry> {
  const requests: string[] = [];
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as { manifests: { digest: string; mediaType: string }[] };
  const [top] = index.manifests;
  if (top === undefined) throw new Error("an empty layout");
  const blob = (digest: string): Buffer => readFileSync(join(layout, "blobs", ...digest.split(":")));
  const registry = { mischief: (() => undefined) as Mischief };
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    requests.push(path);
    if (path === "/v2/") {
      response.end("{}");
      return;
    }
    if (path.includes("/manifests/")) return send(request, response, { bytes: blob(top.digest), type: top.mediaType, digest: top.digest });
    const digest = path.split("/").at(-1) ?? "";
    const bytes = blob(digest);
    const instead = registry.mischief(digest, bytes);
    if (instead !== "stall") return send(request, response, { bytes: instead ?? bytes, type: "application/octet-stream", digest });
    response.writeHead(200, { "content-length": bytes.length });
    response.write(bytes.subarray(0, 1024));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    host: `127.0.0.1:${address.port}`,
    requests,
    get mischief() {
      return registry.mischief;
    },
    set mischief(mischief) {
      registry.mischief = mischief;
    },
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { bytes, type, digest }: { bytes: Buffer; type: string; digest: string },
): void {
  response.writeHead(200, { "content-type": type, "content-length": bytes.length, "docker-content-digest": digest });
  response.end(request.method === "HEAD" ? undefined : bytes);
}
