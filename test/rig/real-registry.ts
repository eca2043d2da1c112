/** The plain registry server (Debian: docker-registry) on a free port of this machine. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Running } from "./process.js";

/** Why there is no registry to talk to, or false. */
export const withoutRegistry: string | false = existsSync("/usr/bin/docker-registry") ? false : "docker-registry is not installed";

export interface RealRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
}

/** Keeps its files in `folder`. */
export async function startRegistry(folder: string): Promise<RealRegistry> {
  const config = join(folder, "registry.yml");
  const storage = { filesystem: { rootdirectory: join(folder, "registry") }, delete: { enabled: true } };
  writeFileSync(config, JSON.stringify({ version: 0.1, storage, http: { addr: "127.0.0.1:0" } }));
  const running = new Running("docker-registry", ["serve", config], { timeoutMs: 600_000 });
  const listening = /listening on (127\.0\.0\.1:\d+)/;
  await running.until(({ stdout, stderr }) => listening.test(stdout + stderr));
  const host = listening.exec(running.stdout + running.stderr)?.[1] ?? "";
  return {
    host,
    async [Symbol.asyncDispose]() {
      running.killGroup("SIGKILL");
      await running.ended;
    },
  };
}
