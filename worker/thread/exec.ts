/** Runs one process on its mounted root. */
import { chownSync, chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CleanupStack } from "../../base/cleanup.js";
import { TsbuildError } from "../../base/errors.js";
import { unreachable } from "../../base/unreachable.js";
import { runProcess } from "../../executor/run.js";
import type { ExitStatus, ProcessMount } from "../../executor/types.js";
import { loadKernel } from "../../sys/kernel.js";
import type { Kernel } from "../../sys/types.js";
import { applyFileActions, NO_NAMES } from "../files/apply.js";
import { Tree } from "../files/tree.js";
import { openContextView } from "../files/view.js";
import type { ExecTask, StepMount } from "../tasks.js";
import type { ThreadContext } from "../thread.js";
import { mountActive, mountView } from "./mounts.js";
import { resolveInTree } from "./resolve-in-tree.js";
import { type MountPoint, makeStubs } from "./stubs.js";
import { plainCopy } from "../../llb/plain-copy.js";

export async function runExec(task: ExecTask, { signal, send }: ThreadContext): Promise<ExitStatus> {
  const kernel = loadKernel();
  await using stack = new CleanupStack();
  const mounts: ProcessMount[] = [];
  const points: MountPoint[] = [
    { target: "/etc/hosts", isFile: true },
    { target: "/etc/resolv.conf", isFile: true },
  ];
  for (const [index, mount] of task.mounts.entries()) {
    const made = await makeMount({ kernel, task, stack, folder: join(task.scratchDir, `mount-${index}`), signal }, mount);
    mounts.push(made.mount);
    points.push({ target: mount.target, isFile: made.isFile });
  }
  const lowers = [...task.lowers, ...stubLayer(kernel, task, points)];
  const active = mountActive(kernel, lowers, task.active);
  stack.defer(() => active[Symbol.dispose]());
  openStateDir(kernel, task.process.stateDir, stack);
  // awaited here: the mounts go with this scope
  return await runProcess(
    { ...task.process, mounts: [...task.process.mounts, ...mounts] },
    {
      stdin: "null",
      onOutput: (stream, data) => send({ type: "output", stream, data: Uint8Array.from(data) }),
      filterCacheDir: task.filterCacheDir,
      signal,
    },
  );
}

/** In memory: the runtime's config.json holds the step's variables, and some of them may be secrets. */
function openStateDir(kernel: Kernel, stateDir: string, stack: CleanupStack): void {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  kernel.mount("tmpfs", stateDir, "tmpfs", ["nosuid", "nodev"], "mode=0700");
  stack.defer(() => kernel.umount(stateDir, { detach: true }));
}

/** The layer with mount points, when one is needed. */
function stubLayer(kernel: Kernel, task: ExecTask, points: readonly MountPoint[]): readonly string[] {
  const stubDir = join(task.scratchDir, "stubs");
  mkdirSync(stubDir, { mode: 0o755 });
  if (task.lowers.length === 0) return makeStubs(kernel, undefined, points, stubDir) ? [stubDir] : [];
  using view = mountView(kernel, task.lowers, task.active);
  return makeStubs(kernel, view.path, points, stubDir) ? [stubDir] : [];
}

interface MountWork {
  readonly kernel: Kernel;
  readonly task: ExecTask;
  readonly stack: CleanupStack;
  /** Of this mount alone. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

interface MadeMount {
  readonly mount: ProcessMount;
  readonly isFile: boolean;
}

async function makeMount(work: MountWork, mount: StepMount): Promise<MadeMount> {
  switch (mount.type) {
    case "layers":
      return bindOf(work, mount, mountLayers(work, mount.lowers, mount.writable));
    case "context":
      return bindOf(work, { ...mount, source: "/" + lastName(mount.source) }, await copyContext(work, mount));
    case "cache":
      return { mount: { type: "bind", source: mount.dir, target: mount.target, readonly: mount.readonly }, isFile: false };
    case "tmpfs":
      return { mount: { type: "tmpfs", target: mount.target, sizeBytes: mount.sizeBytes }, isFile: false };
    case "secret":
      return { mount: { type: "bind", source: writeSecret(work, mount), target: mount.target, readonly: true }, isFile: true };
    case "socket":
      return { mount: { type: "bind", source: mount.path, target: mount.target, readonly: true }, isFile: true };
    default:
      return unreachable(mount);
  }
}

/** Layers as a folder. What is written to it goes to a folder that is thrown away. */
function mountLayers({ kernel, folder, stack }: MountWork, lowers: readonly string[], writable: boolean): string {
  const [target, upper, workdir] = ["root", "upper", "work"].map((name) => join(folder, name));
  if (target === undefined || upper === undefined || workdir === undefined) throw new Error("Internal error: no folders for a mount");
  for (const dir of [target, upper, workdir]) mkdirSync(dir, { recursive: true });
  if (!writable && lowers.length === 0) return target;
  kernel.mountOverlay({ lowers, target, ...(writable ? { upper, work: workdir } : {}) });
  stack.defer(() => kernel.umount(target, { detach: true }));
  return target;
}

/** The part of a context that is mounted, copied: what the ignore file hides must not be seen, and nothing may be changed. */
async function copyContext(work: MountWork, mount: Extract<StepMount, { type: "context" }>): Promise<string> {
  const root = join(work.folder, "root");
  mkdirSync(root, { recursive: true, mode: 0o755 });
  using view = openContextView(work.kernel, mount.dir, mount.exclude);
  const name = lastName(mount.source);
  await applyFileActions(work.kernel, {
    root,
    actions: [plainCopy(mount.source, name === "" ? "/" : `/${name}`)],
    sources: [view],
    ...NO_NAMES,
    signal: work.signal,
  });
  return root;
}

function lastName(source: string): string {
  return source.split("/").findLast((name) => name !== "" && name !== ".") ?? "";
}

/** The bind of a path inside `root`, with links followed inside it. */
function bindOf({ kernel }: MountWork, mount: { source: string; target: string; writable: boolean }, root: string): MadeMount {
  using tree = new Tree(kernel, root);
  const path = resolveInTree(tree, mount.source);
  const stat = tree.lstat(path);
  if (stat === undefined)
    throw new TsbuildError("MOUNT_SOURCE_MISSING", `RUN --mount: "${mount.source}" was not found in the source of the mount`);
  return {
    mount: { type: "bind", source: join(root, path), target: mount.target, readonly: !mount.writable },
    isFile: !stat.isDirectory(),
  };
}

/** In memory only: never on a disk. */
function writeSecret({ kernel, folder, stack }: MountWork, secret: Extract<StepMount, { type: "secret" }>): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  kernel.mount("tmpfs", folder, "tmpfs", ["nosuid", "nodev", "noexec"], "mode=0700");
  stack.defer(() => kernel.umount(folder, { detach: true }));
  const path = join(folder, "secret");
  writeFileSync(path, secret.content, { mode: 0o600 });
  chownSync(path, secret.uid, secret.gid);
  chmodSync(path, secret.mode);
  return path;
}
