/** The two builders that are asked: tsbuild, and Buildah with a storage of our own that is thrown away. */
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { validateImage } from "../rig/image.js";
import { type Ended, must, mustEnd, run } from "../rig/process.js";
import type { Rig } from "../rig/rig.js";
import { type Outcome, configOf, treeOf } from "./compare.js";
import { type Program, writeProgram } from "./program.js";

/** Why Buildah can't be asked, or false. */
export const withoutBuildah: string | false = existsSync("/usr/bin/buildah") ? false : "buildah is not installed";

/** Buildah starts itself anew for each step, many times; so each start costs a fifth less. */
const FRUGAL_GO = { GOGC: "off", GOMAXPROCS: "1" } as const;

/** A folder with all that one worker needs. Workers share the rig's store, but no storage of Buildah. */
export class Builders {
  readonly #rig: Rig;
  readonly #folder: string;

  private constructor(rig: Rig, folder: string) {
    this.#rig = rig;
    this.#folder = folder;
  }

  /** `base` is the base image, as a docker archive. */
  static async open(rig: Rig, name: string, base: string): Promise<Builders> {
    const builders = new Builders(rig, rig.path(name));
    mkdirSync(builders.#path("tmp"), { recursive: true });
    mustEnd(await builders.#buildah(["pull", "-q", `docker-archive:${base}`]));
    return builders;
  }

  /** What tsbuild and Buildah make of it, in this order. */
  async build(program: Program): Promise<readonly [ours: Outcome, theirs: Outcome]> {
    const context = this.#path("context");
    rmSync(context, { recursive: true, force: true });
    await writeProgram(program, context);
    const buildArgs = program.buildArgs.flatMap((arg) => ["--build-arg", arg]);
    return [await this.#ours(context, buildArgs), await this.#theirs(context, buildArgs)];
  }

  async #ours(context: string, buildArgs: readonly string[]): Promise<Outcome> {
    const layout = this.#emptied("ours");
    const output = `type=oci,tar=false,dest=${layout},compression=uncompressed`;
    const ended = await this.#rig.tsbuild(["build", "--network=none", "-q", ...buildArgs, "-o", output, context]);
    return outcomeOf(ended, layout);
  }

  async #theirs(context: string, buildArgs: readonly string[]): Promise<Outcome> {
    const layout = this.#emptied("theirs");
    const flags = ["--isolation=chroot", "--layers=false", "--pull=never", "--force-rm", "--identity-label=false", "-q"];
    const ended = await this.#buildah(["bud", ...flags, ...buildArgs, "-t", `oci:${layout}:built`, context]);
    return outcomeOf(ended, layout);
  }

  #buildah(args: readonly string[]): Promise<Ended> {
    const storage = ["--storage-driver=vfs", `--root=${this.#path("root")}`, `--runroot=${this.#path("run")}`];
    return run("/usr/bin/buildah", [...storage, ...args], { env: { ...process.env, ...FRUGAL_GO, TMPDIR: this.#path("tmp") } });
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #emptied(name: string): string {
    rmSync(this.#path(name), { recursive: true, force: true });
    return this.#path(name);
  }
}

async function outcomeOf(ended: Ended, layout: string): Promise<Outcome> {
  if (ended.code !== 0) return { kind: "refused", message: ended.stderr.trim().slice(-2000) };
  const image = await validateImage(layout);
  return { kind: "built", tree: treeOf(image), config: configOf(image) };
}

const COMMANDS = "awk cat chmod chown cp echo env find grep id ln ls mkdir mknod mv pwd rm sh sort touch true umask";

/** Makes `base` in the rig's store: users and groups, files with modes, a link to a folder. Returns its docker archive. */
export async function makeFuzzBase(rig: Rig): Promise<string> {
  const context = rig.path("fuzz-base");
  mkdirSync(context);
  writeFileSync(join(context, "passwd"), PASSWD);
  writeFileSync(join(context, "group"), GROUP);
  await must("cp", "/bin/busybox", join(context, "busybox"));
  chmodSync(join(context, "busybox"), 0o755);
  writeFileSync(join(context, "Dockerfile"), `${BASE.join("\n")}\n`);
  const archive = rig.path("fuzz-base.tar");
  const output = `type=docker,dest=${archive},name=localhost/base:latest`;
  mustEnd(await rig.tsbuild(["build", "--network=none", "-q", "-t", "base", context]));
  mustEnd(await rig.tsbuild(["build", "--network=none", "-q", "-o", output, context]));
  return archive;
}

const PASSWD = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\napp:x:1001:2000::/home/app:/bin/sh\n";
const GROUP = "root:x:0:\nuser:x:1000:\napp:x:1001:\nstaff:x:2000:user\nextra:x:3000:app\n";
const BASE = [
  "FROM scratch",
  "COPY busybox /bin/busybox",
  "COPY passwd group /etc/",
  `RUN ["/bin/busybox", "sh", "-c", "for c in ${COMMANDS}; do /bin/busybox ln -s busybox /bin/$c; done"]`,
  "ENV PATH=/bin",
  "RUN mkdir -p /tmp /opt /vol/a /vol2 '/vol b' /data/sticky /home/user /root /proc /sys /dev /run /var/tmp && chmod 1777 /tmp /data/sticky",
  "RUN touch /etc/hosts /etc/resolv.conf && chown 1000:1000 /home/user && ln -s opt /link",
  "RUN echo data > /data/file && echo mode > /data/mode && chmod 4750 /data/mode && chown 1000:2000 /data/mode",
  'CMD ["sh"]',
];
