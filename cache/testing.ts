/** For the tests of this folder: stores in temporary folders, and other processes that use them. */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { loadKernel } from "../sys/kernel.js";
import { digestFromHex, sha256Digest } from "../base/digest.js";
import type { FileEntry } from "../image/types.js";
import { Store } from "./store.js";
import type { SnapshotName } from "./types.js";
import { isSnapshotName } from "./snapshot-meta.js";
import { isStepKey } from "./step-records.js";
import type { StepKey } from "./types.js";

export interface TestRoot extends AsyncDisposable {
  readonly root: string;
  /** What stores opened by `open` had to say. */
  readonly notes: string[];
  open(): Promise<Store>;
}

export function testRoot(): TestRoot {
  const dir = mkdtempSync(join(tmpdir(), "store-"));
  const root = join(dir, "root");
  const notes: string[] = [];
  return {
    root,
    notes,
    open: () => Store.open(root, loadKernel(), { onNote: (note) => notes.push(note) }),
    [Symbol.asyncDispose]: async () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Runs `work` with another boot id: what was written outside is from another boot. */
export async function afterReboot<T>(work: () => Promise<T>, bootId = "next-boot"): Promise<T> {
  const before = process.env["TSBUILD_TEST_BOOT_ID"];
  process.env["TSBUILD_TEST_BOOT_ID"] = bootId;
  try {
    return await work();
  } finally {
    if (before === undefined) delete process.env["TSBUILD_TEST_BOOT_ID"];
    else process.env["TSBUILD_TEST_BOOT_ID"] = before;
  }
}

export function snapshotName(text: string): SnapshotName {
  if (!isSnapshotName(text)) throw new Error(`not a snapshot name: ${text}`);
  return text;
}

export function stepKey(text: string): StepKey {
  const hex = sha256Digest(text).slice("sha256:".length);
  if (!isStepKey(hex)) throw new Error("not a key");
  return hex;
}

/** A list entry for a file with this content. */
export function fileEntry(path: string, content: string): FileEntry {
  const digest = digestFromHex(sha256Digest(content).slice("sha256:".length));
  return { path, type: "file", mode: 0o644, uid: 0, gid: 0, size: Buffer.byteLength(content), mtimeNs: 1n, digest };
}

/** Another process that runs the body of an async function of `store` and `say`, and answers line by line. */
export class OtherProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(root: string, body: string) {
    const modules = { store: new URL("./store.js", import.meta.url).href, kernel: new URL("../sys/kernel.js", import.meta.url).href };
    const code = `
      import { Store } from ${JSON.stringify(modules.store)};
      import { loadKernel } from ${JSON.stringify(modules.kernel)};
      import { writeFileSync } from "node:fs";
      import { once } from "node:events";
      const say = (line) => process.stdout.write(line + "\\n");
      const told = () => once(process.stdin, "data");
      const forever = () => new Promise(() => setInterval(() => undefined, 1000));
      const store = await Store.open(${JSON.stringify(root)}, loadKernel());
      ${body}
      process.exit(0);`;
    this.#child = spawn(process.execPath, ["--input-type=module", "--eval", code], { stdio: ["pipe", "pipe", "inherit"] });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error("no stdout");
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    return done === true ? "(ended)" : String(value);
  }

  tell(): void {
    this.#child.stdin?.write("go\n");
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  async ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
