/** Ports of the host that lead to a container. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { CleanupStack } from "../../base/cleanup.js";
import { TsbuildError, isErrno } from "../../base/errors.js";
import { parseIpv4 } from "./addresses.js";
import { ignoreMissing } from "./bridge.js";
import { nftBatch } from "./commands.js";
import { isAnyAddress, portElement, portKey, portMap } from "./rules.js";

export interface PortRequest {
  /** `0.0.0.0` or empty: all of the host's addresses. */
  readonly hostIp: string;
  /** 0: any that is free. */
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
}

/** With the port that was really taken. */
export type PublishedPort = PortRequest;

export interface PublishedPorts extends AsyncDisposable {
  readonly ports: readonly PublishedPort[];
}

/**
 * Binds every port for real, so that a conflict with any program is an error now and none can arise later, and leads
 * it to the container. Disposal ends both. The bridge's rules have to be there (`ensureBridge`).
 * @throws {TsbuildError} PORT_IN_USE, PORT_FORBIDDEN, HOST_ADDRESS_INVALID
 */
export async function publishPorts({
  containerIp,
  ports,
}: {
  readonly containerIp: string;
  readonly ports: readonly PortRequest[];
}): Promise<PublishedPorts> {
  const undo = new CleanupStack();
  try {
    const published: PublishedPort[] = [];
    for (const port of ports) {
      const bound = await hold(normalized(port));
      undo.defer(bound.release);
      await leadTo(containerIp, bound.port);
      undo.defer(() => unpublishPorts([bound.port]));
      published.push(bound.port);
    }
    return { ports: published, [Symbol.asyncDispose]: () => undo[Symbol.asyncDispose]() };
  } catch (error) {
    await undo[Symbol.asyncDispose]();
    throw error;
  }
}

/** Only the rules, by the one who holds the ports. Unknown ones are fine. */
export async function unpublishPorts(ports: readonly PublishedPort[]): Promise<void> {
  for (const port of ports) await nftBatch([`delete element ${portMap(port)} { ${portKey(port)} }`]).catch(ignoreMissing);
}

/** The rules of ports whose holder has died. A port that somebody holds again is theirs by now and stays. */
export async function unpublishAbandoned(ports: readonly PublishedPort[]): Promise<void> {
  for (const port of ports) {
    let held: HeldPort;
    try {
      held = await hold(normalized(port));
    } catch (error) {
      if (error instanceof TsbuildError && error.code === "PORT_IN_USE") continue;
      throw error;
    }
    await unpublishPorts([port]);
    await held.release();
  }
}

function normalized(port: PortRequest): PortRequest {
  const hostIp = port.hostIp === "" ? "0.0.0.0" : port.hostIp;
  if (parseIpv4(hostIp) === undefined) {
    throw new TsbuildError("HOST_ADDRESS_INVALID", `ports can't be published on ${hostIp}: it is no IPv4 address`, {
      hint: "use 127.0.0.1, 0.0.0.0 or an address of this host",
    });
  }
  return { ...port, hostIp };
}

/** The port is ours now, so an element that is already there belongs to a process that died. */
async function leadTo(containerIp: string, port: PublishedPort): Promise<void> {
  const add = `add element ${portMap(port)} ${portElement(port, containerIp)}`;
  try {
    await nftBatch([add]);
  } catch (error) {
    if (!(error instanceof TsbuildError) || !/file exists/i.test(error.message)) throw error;
    await nftBatch([`delete element ${portMap(port)} { ${portKey(port)} }`, add]);
  }
}

interface HeldPort {
  readonly port: PublishedPort;
  readonly release: () => Promise<void>;
}

async function hold(port: PortRequest): Promise<HeldPort> {
  try {
    return await (port.protocol === "tcp" ? holdTcp(port) : holdUdp(port));
  } catch (error) {
    const where = `${port.hostIp}:${port.hostPort}`;
    if (isErrno(error, "EADDRINUSE")) {
      throw new TsbuildError("PORT_IN_USE", `Bind for ${where} failed: port is already allocated (address already in use)`, {
        hint: "publish another port, or stop the program that has this one",
        cause: error,
      });
    }
    if (isErrno(error, "EADDRNOTAVAIL"))
      throw new TsbuildError("HOST_ADDRESS_INVALID", `${port.hostIp} is no address of this host`, { cause: error });
    if (isErrno(error, "EACCES", "EPERM")) throw new TsbuildError("PORT_FORBIDDEN", `this user may not bind ${where}`, { cause: error });
    throw error;
  }
}

/** Nothing arrives here: packets are led away before. What does, by a way the rules don't know, is refused. */
async function holdTcp(port: PortRequest): Promise<HeldPort> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: port.hostIp, port: port.hostPort, exclusive: true }, resolve);
  });
  const address = server.address();
  const hostPort = typeof address === "object" && address !== null ? address.port : port.hostPort;
  server.unref();
  return { port: { ...port, hostPort }, release: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function holdUdp(port: PortRequest): Promise<HeldPort> {
  const socket = createSocket({ type: "udp4" });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address: port.hostIp, port: port.hostPort, exclusive: true }, resolve);
  });
  socket.unref();
  return { port: { ...port, hostPort: socket.address().port }, release: () => new Promise((resolve) => socket.close(() => resolve())) };
}

/** `0.0.0.0:8080->80/tcp`, as `ps` shows it. */
export function formatPort(port: PublishedPort): string {
  return `${isAnyAddress(port.hostIp) ? "0.0.0.0" : port.hostIp}:${port.hostPort}->${port.containerPort}/${port.protocol}`;
}
