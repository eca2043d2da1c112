/** Runs a container in the foreground: from an image's name to an exit status, and nothing is left but what is to stay. */
import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { hostname as hostnameOfHost } from "node:os";
import { join } from "node:path";
import { CleanupStack } from "../../base/cleanup.js";
import { TsbuildError, isErrno, messageOf } from "../../base/errors.js";
import { removeTree } from "../../cache/remove-tree.js";
import type { Store } from "../../cache/store.js";
import { cgroupName } from "../../executor/cgroup.js";
import { formatPort } from "../../executor/network/publish.js";
import { runProcess } from "../../executor/run.js";
import { RuntimeError } from "../../executor/runtime-error.js";
import type { ExitStatus, ProcessMount, ProcessSpec } from "../../executor/types.js";
import { Pools } from "../pool.js";
import { LazyRegistry } from "../registry.js";
import { etcMounts } from "./etc-files.js";
import type { ReadyImage } from "./find-image.js";
import { findImage } from "./find-image.js";
import { ContainerFolder } from "./folder.js";
import { mergeConfig } from "./merge-config.js";
import type { ContainerNetwork } from "./network.js";
import { openNetwork } from "./network.js";
import { openMount } from "./open-mounts.js";
import type { MountPlan } from "./plan-mounts.js";
import { inOrder, planMounts } from "./plan-mounts.js";
import { mountRootfs } from "./rootfs.js";
import type { ContainerConfig, ContainerState, RunIo, RunRequest } from "./types.js";
import { anonymousName } from "./volumes.js";

/** 128 + SIGKILL */
const KILLED = 137;

/**
 * Finds the image, makes the container, runs it to its end and takes everything down. A container that ended or
 * could not be started stays as a stopped one unless it removes itself; any other failure leaves nothing.
 * @throws {RuntimeError} with Docker's exit code when its process can't be started; {TsbuildError}; the signal's reason
 */
export async function runContainer(store: Store, request: RunRequest, io: RunIo, signal: AbortSignal): Promise<ExitStatus> {
  refuseCidFile(request.cidFile);
  const image = await readyImage(store, request, { io, signal });
  const plan = planContainer(request, image);
  await using container = await ContainerFolder.create(store, { state: plan.state, wantedName: request.name, chain: image.chain, signal });
  if (request.cidFile !== undefined) writeCidFile(request.cidFile, plan.state.id);
  try {
    const exit = await execute({ store, request, io, image, plan, container, signal });
    container.update({
      status: "exited",
      exitCode: exit.code,
      isOomKilled: exit.isOomKilled,
      startedAtMs: exit.startedAtMs,
      finishedAtMs: exit.endedAtMs,
    });
    container.keep();
    return exit;
  } catch (error) {
    recordFailure(container, error, signal);
    throw error;
  }
}

async function readyImage(
  store: Store,
  request: RunRequest,
  { io, signal }: { readonly io: RunIo; readonly signal: AbortSignal },
): Promise<ReadyImage> {
  await using stack = new CleanupStack();
  const pools = stack.use(new Pools(1));
  const registry = stack.use(new LazyRegistry(request.insecureRegistries));
  return await findImage({ store, pools, registry, onNotice: io.onNotice, signal }, request);
}

interface ContainerPlan {
  readonly state: Omit<ContainerState, "name">;
  readonly config: ContainerConfig;
  readonly mounts: MountPlan;
}

/** Everything that can be wrong with the request is found here, before anything is made. */
function planContainer(request: RunRequest, image: ReadyImage): ContainerPlan {
  const id = randomBytes(32).toString("hex");
  const sharesName = request.network.mode === "host" || request.sharedNamespaces.uts !== undefined;
  const hostname = request.hostname ?? (sharesName ? hostnameOfHost() : id.slice(0, 12));
  const config = mergeConfig(image.config.config, { ...request, exposed: request.network.exposed }, hostname);
  const mounts = planMounts(request.mounts, Object.keys(image.config.config.Volumes ?? {}), anonymousName);
  const state: ContainerPlan["state"] = {
    id,
    image: request.image,
    imageId: image.id,
    config,
    mounts: [],
    anonymousVolumes: mounts.anonymousVolumes,
    networkMode: request.network.mode,
    ports: [],
    removesItself: request.removesItself,
    readonlyRootfs: request.security.readonlyRootfs,
    status: "created",
    isOomKilled: false,
    createdAtMs: Date.now(),
  };
  return { state, config, mounts };
}

interface Execution {
  readonly store: Store;
  readonly request: RunRequest;
  readonly io: RunIo;
  readonly image: ReadyImage;
  readonly plan: ContainerPlan;
  readonly container: ContainerFolder;
  readonly signal: AbortSignal;
}

async function execute(execution: Execution): Promise<ExitStatus> {
  const { store, request, io, image, plan, container, signal } = execution;
  await using stack = new CleanupStack();
  const mounted = await mountRootfs(store, { folder: container.path, chain: image.chain, mounts: plan.mounts.mounts });
  stack.defer(() => mounted[Symbol.dispose]());
  const rootfs = mounted.path;
  const userMounts = await openMounts(execution, rootfs);
  const network = stack.use(await openNetwork(store, request.network, { id: plan.state.id, exposed: plan.config.exposedPorts, signal }));
  container.update({ ...(network.ip === undefined ? {} : { ip: network.ip }), ports: network.ports });
  announcePorts(request, network, io);
  const cgroup = { type: "cgroup", name: cgroupName(plan.state.id, request.cgroupParent) } as const;
  await store.lease.own(cgroup);
  stack.defer(() => store.lease.release(cgroup));
  stack.defer(() => removeTree(store.kernel, join(container.path, "runtime")));
  const spec = processSpec(execution, { rootfs, network, userMounts });
  // Before it runs: what a kill leaves behind is then taken for a container that ran.
  container.update({ status: "running", startedAtMs: Date.now() });
  io.onStarting?.();
  return await runProcess(spec, { stdin: io.stdin, signal, filterCacheDir: store.path("filters"), onStarted: io.onStarted });
}

async function openMounts({ store, plan, container, signal }: Execution, rootfs: string): Promise<readonly ProcessMount[]> {
  const work = { store, rootfs, anonymous: new Set(plan.mounts.anonymousVolumes), signal };
  const opened = [];
  for (const mount of plan.mounts.mounts) opened.push(await openMount(work, mount));
  container.update({ mounts: opened.map(({ record }) => record) });
  return opened.map(({ mount }) => mount);
}

interface Prepared {
  readonly rootfs: string;
  readonly network: ContainerNetwork;
  readonly userMounts: readonly ProcessMount[];
}

function processSpec({ request, plan, container }: Execution, { rootfs, network, userMounts }: Prepared): ProcessSpec {
  const { config, state } = plan;
  const { readonlyRootfs } = request.security;
  const etc = etcMounts({
    folder: container.path,
    hostname: config.hostname,
    ip: network.ip,
    gateway: network.gateway,
    network: request.network,
    readonly: readonlyRootfs,
  });
  const taken = new Set(userMounts.map(({ target }) => target));
  return {
    id: state.id,
    stateDir: join(container.path, "runtime"),
    rootfs,
    args: config.args,
    env: config.env,
    cwd: config.workdir,
    user: config.user,
    additionalGroups: request.groups,
    hostname: config.hostname,
    mounts: inOrder<ProcessMount>([...etc.filter(({ target }) => !taken.has(target)), ...userMounts]),
    network: network.process,
    security: request.security,
    resources: request.resources,
    init: request.init,
    terminal: request.terminal,
    cgroupParent: request.cgroupParent,
    devices: request.devices,
    sharedNamespaces: request.sharedNamespaces,
    sysctls: request.sysctls,
  };
}

function announcePorts({ network: { mode, ports, publishesAll } }: RunRequest, network: ContainerNetwork, { onNotice }: RunIo): void {
  if (mode !== "bridge" && (ports.length > 0 || publishesAll))
    onNotice(`WARNING: Published ports are discarded when using ${mode} network mode`);
  for (const port of network.ports) onNotice(`Published ${formatPort(port)}`);
}

/** What a user would look for afterwards stays: a container whose command could not be started, or that was ended with us. */
function recordFailure(container: ContainerFolder, error: unknown, signal: AbortSignal): void {
  const finishedAtMs = Date.now();
  if (error instanceof RuntimeError)
    container.update({ status: "created", exitCode: error.exitCode, error: error.message, startedAtMs: undefined, finishedAtMs });
  else if (signal.aborted && container.state.status === "running")
    container.update({ status: "exited", exitCode: KILLED, error: messageOf(error), finishedAtMs });
  else return;
  container.keep();
}

function refuseCidFile(path: string | undefined): void {
  if (path !== undefined && existsSync(path)) throw cidFileExists(path);
}

function writeCidFile(path: string, id: string): void {
  try {
    writeFileSync(path, id, { flag: "wx", mode: 0o644 });
  } catch (error) {
    if (isErrno(error, "EEXIST")) throw cidFileExists(path);
    throw new TsbuildError("CIDFILE_UNWRITABLE", `the file for the container's ID can't be written: ${path}`, { cause: error });
  }
}

function cidFileExists(path: string): TsbuildError {
  return new TsbuildError("CIDFILE_EXISTS", `container ID file found, make sure the other container isn't running or delete ${path}`);
}
