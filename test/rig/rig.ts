/** A store, a context and a temporary folder of a test's own, and the real program to use them with. */
import assert from "node:assert/strict";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { type ValidImage, validateImage } from "./image.js";
import { type MachineState, leftovers, machineState, storeState } from "./machine.js";
import { type Ended, Running, type StartOptions, must, mustEnd } from "./process.js";
import { launcherPath } from "./project.js";
import { type Step, parseRawJson } from "./steps.js";

export interface TsbuildOptions {
  /** Default: the rig's own store. */
  readonly root?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the rig's context. */
  readonly cwd?: string;
  readonly input?: string;
  readonly timeoutMs?: number;
  /** A program and its arguments that start the launcher, whose path and arguments follow. */
  readonly wrap?: readonly string[];
}

/** A build that was done with `--progress=rawjson`. */
export interface BuildRun extends Ended {
  readonly steps: readonly Step[];
  /** Unset when it failed. */
  readonly imageId: string | undefined;
}

export class Rig implements Disposable {
  /** Holds all of the rig. A real path, so that it can be searched for in lists of mounts. */
  readonly folder: string = realpathSync(mkdtempSync(join(tmpdir(), "tsbuild-rig-")));
  readonly root: string = join(this.folder, "store");
  readonly context: string = join(this.folder, "context");
  /** The program's TMPDIR. */
  readonly tmp: string = join(this.folder, "tmp");
  readonly #before: MachineState = machineState();
  #count = 0;

  constructor() {
    for (const path of [this.context, this.tmp]) mkdirSync(path);
  }

  /** Writes a file of the context, with the folders above it. */
  write(path: string, content: string | Uint8Array, mode: number = 0o644): void {
    const target = join(this.context, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
    chmodSync(target, mode);
  }

  /** Writes the Dockerfile, one instruction a line. */
  dockerfile(...lines: readonly string[]): void {
    this.write("Dockerfile", `${lines.join("\n")}\n`);
  }

  /** A path in the rig's folder, outside of store and context. */
  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  start(args: readonly string[], options: TsbuildOptions = {}): Running {
    const [command = "", ...rest] = [...(options.wrap ?? []), launcherPath(), ...args];
    return new Running(command, rest, this.#startOptions(options));
  }

  /** Runs the program to its end, whatever that is. */
  tsbuild(args: readonly string[], options: TsbuildOptions = {}): Promise<Ended> {
    return this.start(args, options).ended;
  }

  /** The arguments of a build that tells its steps; the rig's context comes last. */
  buildArgs(args: readonly string[], idFile: string = this.path("iid")): readonly string[] {
    return ["build", "--progress=rawjson", "--iidfile", idFile, ...args, this.context];
  }

  /** Builds the rig's context, well or not. */
  async tryBuild(args: readonly string[] = [], options: TsbuildOptions = {}): Promise<BuildRun> {
    const idFile = this.path(`iid-${this.#count++}`);
    const ended = await this.tsbuild(this.buildArgs(args, idFile), options);
    const imageId = existsSync(idFile) ? readFileSync(idFile, "utf8") : undefined;
    return { ...ended, steps: parseRawJson(ended.stderr), imageId };
  }

  /** Builds the rig's context; it has to succeed. */
  async build(args: readonly string[] = [], options: TsbuildOptions = {}): Promise<BuildRun & { readonly imageId: string }> {
    const built = await this.tryBuild(args, options);
    mustEnd(built);
    assert.ok(built.imageId !== undefined, "--iidfile has the image ID");
    return { ...built, imageId: built.imageId };
  }

  /** Makes `base` in the rig's store: busybox with its commands as links. Needs no network. */
  async makeBase(name: string = "base"): Promise<void> {
    const context = this.path("base-context");
    writeBusyboxContext(context);
    mustEnd(await this.tsbuild(["build", "--network=none", "-q", "-t", name, context]));
  }

  /** Builds into an OCI layout and proves that. Returns the image; the layout stays in `layoutPath`. */
  async exportImage(args: readonly string[] = [], options: TsbuildOptions = {}): Promise<ValidImage> {
    const archive = this.path("exported.tar");
    mustEnd(await this.tsbuild(["build", "-q", "-o", `type=oci,dest=${archive}`, ...args, this.context], options));
    rmSync(this.layoutPath, { recursive: true, force: true });
    mkdirSync(this.layoutPath);
    await must("tar", "-xf", archive, "-C", this.layoutPath);
    return validateImage(this.layoutPath);
  }

  /** Where `exportImage` leaves its layout. */
  get layoutPath(): string {
    return this.path("exported");
  }

  /** What the rig's programs have left on the machine and in the store. */
  async leftovers(withinMs: number = 5000): Promise<readonly string[]> {
    const look = (): MachineState => new Set([...machineState(), ...storeState(this.root), ...readdirSync(this.tmp)]);
    return leftovers(this.#before, look, withinMs);
  }

  async assertNothingLeft(): Promise<void> {
    assert.deepEqual(await this.leftovers(), []);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #startOptions({ root = this.root, env = {}, cwd = this.context, input, timeoutMs }: TsbuildOptions): StartOptions {
    return {
      cwd,
      env: { ...process.env, TSBUILD_ROOT: root, TMPDIR: this.tmp, ...env },
      ...(input === undefined ? {} : { input }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
  }
}

/** For `wrap`: a private view of the mounts in which `script` has been run before. */
export function withMounts(script: string): readonly string[] {
  return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", `${script}\nexec "$@"`, "sh"];
}

/** A test with a rig of its own. When it passes, nothing of it may be left on the machine. */
export function rigTest(name: string, body: (rig: Rig) => Promise<void>, options: { readonly skip?: string | false } = {}): void {
  void test(name, { skip: options.skip ?? false }, async () => {
    using rig = new Rig();
    await body(rig);
    await rig.assertNothingLeft();
  });
}

/** A context whose Dockerfile makes a small root with busybox (Debian: busybox-static). */
export function writeBusyboxContext(context: string): void {
  mkdirSync(join(context, "etc"), { recursive: true });
  copyFileSync("/bin/busybox", join(context, "busybox"));
  writeFileSync(join(context, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n");
  writeFileSync(join(context, "etc/group"), "root:x:0:\nuser:x:1000:\n");
  const lines = [
    "FROM scratch",
    "COPY busybox /bin/busybox",
    "COPY etc /etc",
    'RUN ["/bin/busybox", "--install", "-s", "/bin"]',
    "ENV PATH=/bin",
    'CMD ["sh"]',
  ];
  writeFileSync(join(context, "Dockerfile"), `${lines.join("\n")}\n`);
}
