/** Programs of another machine than this: the kernel starts them through an emulator, if it knows one. */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, readSync } from "node:fs";
import { join, posix } from "node:path";
import { TsbuildError, isErrno } from "../base/errors.js";
import { hostPlatform } from "../base/platform.js";
import type { Kernel } from "../sys/types.js";
import { BINFMT_BYTES, interpreterFor, readInterpreters, type Interpreter } from "./binfmt.js";
import { elfArchitecture } from "./elf-machine.js";
import { RuntimeError } from "./runtime-error.js";
import type { ProcessSpec } from "./types.js";

/** fcntl.h: Node has no name for it. */
const O_PATH = 0o10000000;
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What a machine's processor runs besides its own kind. */
const ALSO_RUNS: Readonly<Record<string, readonly string[]>> = { amd64: ["386"], arm64: ["arm"] };

export interface ForeignProgram {
  /** As the process names it. */
  readonly command: string;
  readonly architecture: string;
  /** Of the file. */
  readonly start: Buffer;
}

type Looked = Pick<ProcessSpec, "rootfs" | "args" | "env">;

/** The program that is to be started, when it is for another machine. Undefined also when that can't be told: a script, no such file. */
export function foreignProgram(kernel: Kernel, spec: Looked): ForeignProgram | undefined {
  const command = spec.args[0] ?? "";
  for (const path of candidates(command, spec.env)) {
    const start = startOf(kernel, spec.rootfs, path);
    if (start === undefined) continue;
    const architecture = elfArchitecture(start);
    const own = hostPlatform().architecture;
    if (architecture === undefined || architecture === own || ALSO_RUNS[own]?.includes(architecture) === true) return undefined;
    return { command, architecture, start };
  }
  return undefined;
}

/**
 * Where the kernel's list of emulators can be read, one has to be in it, and within the container's reach.
 * @throws {RuntimeError} EMULATOR_MISSING
 */
export function requireEmulator(
  kernel: Kernel,
  spec: Looked & Pick<ProcessSpec, "stateDir">,
  read: () => readonly Interpreter[] | undefined = () => readInterpreters() ?? readUnmounted(kernel, join(spec.stateDir, "binfmt")),
): void {
  const program = foreignProgram(kernel, spec);
  const known = program === undefined ? undefined : read();
  if (program === undefined || known === undefined) return;
  const found = interpreterFor(program.start, known);
  if (found === undefined) throw emulatorMissing(program);
  if (found.isOpen || startOf(kernel, spec.rootfs, found.path) !== undefined) return;
  throw new RuntimeError(
    "EMULATOR_MISSING",
    `${program.command} is for ${program.architecture}, and its emulator ${found.path} is not in the image: it was registered without the flag F`,
    { exitCode: 126, hint: `register it so that it works in containers: ${INSTALL}` },
  );
}

/**
 * The kernel's list where nobody has mounted it, as in containers and minimal systems. Undefined in a user namespace, which
 * would get a list of its own by that, and where it can't be mounted.
 */
function readUnmounted(kernel: Kernel, folder: string): readonly Interpreter[] | undefined {
  if (!/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "latin1"))) return undefined;
  mkdirSync(folder, { recursive: true });
  try {
    kernel.mount("binfmt_misc", folder, "binfmt_misc", ["nosuid", "nodev", "noexec"]);
  } catch (error) {
    // The kernel has no such thing: nobody has registered anything with it.
    return isErrno(error, "ENODEV") ? [] : undefined;
  }
  try {
    return readInterpreters(folder);
  } finally {
    kernel.umount(folder, { detach: true });
  }
}

const INSTALL = "apt-get install qemu-user-static binfmt-support";

export function emulatorMissing({ command, architecture }: Pick<ForeignProgram, "command" | "architecture">): RuntimeError {
  return new RuntimeError(
    "EMULATOR_MISSING",
    `${command} is for ${architecture}, this machine is ${hostPlatform().architecture}, and the kernel knows no emulator for it (binfmt_misc)`,
    {
      exitCode: 126,
      hint: `install one (${INSTALL}), or let the step run here: FROM --platform=$BUILDPLATFORM, and compile for $TARGETPLATFORM`,
    },
  );
}

function candidates(command: string, env: readonly string[]): readonly string[] {
  if (command.includes("/")) return command.startsWith("/") ? [command] : [];
  const path = env.findLast((entry) => entry.startsWith("PATH="))?.slice("PATH=".length) ?? DEFAULT_PATH;
  return path.split(":").flatMap((folder) => (folder.startsWith("/") ? [posix.join(folder, command)] : []));
}

/** The first bytes of a file of the image. Nothing but a plain file is opened. */
function startOf(kernel: Kernel, rootfs: string, path: string): Buffer | undefined {
  const rootFd = openSync(rootfs, O_PATH | constants.O_DIRECTORY);
  try {
    const found = kernel.openAt(rootFd, path, { flags: O_PATH, resolve: "in-root" });
    try {
      return fstatSync(found).isFile() ? readStart(`/proc/self/fd/${found}`) : undefined;
    } finally {
      closeSync(found);
    }
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP", "EACCES") || isLeaving(error)) return undefined;
    throw error;
  } finally {
    closeSync(rootFd);
  }
}

/** A link that leads nowhere good is left to the runtime, which says so in its words. */
function isLeaving(error: unknown): boolean {
  return error instanceof TsbuildError;
}

function readStart(path: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    const bytes = Buffer.alloc(BINFMT_BYTES);
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}
