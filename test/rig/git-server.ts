/** Real git repositories for tests, and git's own HTTP server for them behind node:http. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { dirname, join } from "node:path";
import { must } from "./process.js";

const AUTHOR = [
  "-c",
  "user.name=Tester",
  "-c",
  "user.email=tester@example.com",
  "-c",
  "commit.gpgsign=false",
  "-c",
  "protocol.file.allow=always",
] as const;

/** A repository with a work tree. Its branch is `main`. */
export class Repository {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(path: string): Promise<Repository> {
    mkdirSync(path, { recursive: true });
    await must("git", "init", "--quiet", "--initial-branch=main", path);
    return new Repository(path);
  }

  get url(): string {
    return `file://${this.path}`;
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(join(this.path, path)), { recursive: true });
    writeFileSync(join(this.path, path), content);
  }

  git(...args: readonly string[]): Promise<string> {
    return must("git", "-C", this.path, ...AUTHOR, ...args);
  }

  /** Everything there is, as a commit. Returns its hash. */
  async commit(message: string = "a commit"): Promise<string> {
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--allow-empty", "-m", message);
    return (await this.git("rev-parse", "HEAD")).trim();
  }
}

export interface GitServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`; a repository in `root/x` is `…/x/.git`, a bare one `…/x.git`. */
  readonly url: string;
  /** Called with each request; true: it has answered. */
  onRequest: (request: IncomingMessage, response: ServerResponse) => boolean;
  readonly requests: string[];
}

/** `git http-backend` as a CGI program (RFC 3875). */
export async function serveGit(root: string): Promise<GitServer> {
  const running = {
    url: "",
    requests: [] as string[],
    onRequest: (_request: IncomingMessage, _response: ServerResponse): boolean => false,
  };
  const server = createServer((request, response) => {
    running.requests.push(request.url ?? "");
    if (!running.onRequest(request, response)) serveOne(root, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  running.url = `http://127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}`;
  return Object.assign(running, {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

function serveOne(root: string, request: IncomingMessage, response: ServerResponse): void {
  const [path = "", query = ""] = (request.url ?? "").split("?");
  const child = spawn("git", ["-c", "safe.directory=*", "http-backend"], {
    stdio: ["pipe", "pipe", "ignore"],
    env: {
      PATH: process.env["PATH"],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: decodeURIComponent(path),
      QUERY_STRING: query,
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers["content-type"],
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"],
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
    },
  });
  child.stdin.on("error", () => undefined);
  request.pipe(child.stdin);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.once("close", () => {
    const output = Buffer.concat(chunks);
    const split = output.indexOf("\r\n\r\n");
    const headers = output
      .subarray(0, split)
      .toString("latin1")
      .split("\r\n")
      .map((line) => line.split(/: (.*)/s));
    const status = Number(headers.find(([name]) => name === "Status")?.[1]?.slice(0, 3) ?? 200);
    for (const [name = "", value = ""] of headers) if (name !== "Status" && name !== "") response.setHeader(name, value);
    response.writeHead(status).end(output.subarray(split + 4));
  });
}
