/** For tests only: a real registry (docker-registry) on a free port of this machine. */
import { spawn } from "node:child_process";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CleanupStack } from "../../base/cleanup.js";

const PROGRAM = "/usr/bin/docker-registry";

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
}

/** Why there is no registry here, or undefined when there is one. */
export async function noRegistryBecause(): Promise<string | undefined> {
  return await access(PROGRAM).then(
    () => undefined,
    () => `${PROGRAM} is not installed`,
  );
}

/** `htpasswd` is the content of such a file: then the registry asks for a login. */
export async function startRegistry(options: { readonly htpasswd?: string } = {}): Promise<TestRegistry> {
  const stack = new CleanupStack();
  try {
    const folder = await mkdtemp(join(tmpdir(), "tsbuild-registry-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const host = `127.0.0.1:${await freePort()}`;
    await writeFile(join(folder, "htpasswd"), options.htpasswd ?? "");
    const auth = options.htpasswd === undefined ? [] : ["auth:", "  htpasswd:", "    realm: test", `    path: ${join(folder, "htpasswd")}`];
    const config = [
      "version: 0.1",
      "log: {level: error}",
      "storage:",
      `  filesystem: {rootdirectory: ${join(folder, "data")}}`,
      "  delete: {enabled: true}",
      "http:",
      `  addr: ${host}`,
      ...auth,
    ];
    await writeFile(join(folder, "config.yml"), config.join("\n"));
    const child = spawn(PROGRAM, ["serve", join(folder, "config.yml")], { stdio: "ignore", env: { OTEL_TRACES_EXPORTER: "none" } });
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    stack.defer(async () => {
      child.kill("SIGKILL");
      await ended;
    });
    await untilItAnswers(`http://${host}/v2/`, () => child.exitCode);
    const owned = stack.move();
    return { host, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() };
  } finally {
    await stack[Symbol.asyncDispose]();
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("Internal error: no port");
  return address.port;
}

async function untilItAnswers(url: string, exitCode: () => number | null): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (exitCode() !== null) throw new Error(`docker-registry ended with ${exitCode()}`);
    try {
      await (await fetch(url)).arrayBuffer();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }
  throw new Error("docker-registry does not answer");
}
