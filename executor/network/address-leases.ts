/**
 * Who has which address, among all processes of a host: one small file per address, held by flock. The lock goes with
 * the process however it ends, so nothing has to be recovered. A container that outlives its tsbuild writes its name
 * into the file; then the address is taken until `releaseAddress`.
 */
import { closeSync, constants, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, readdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import type { Kernel } from "../../sys/types.js";
import { formatIpv4 } from "./addresses.js";

export interface AddressLease extends Disposable {
  readonly address: number;
  /** Keeps it taken after this process has ended, for `owner`. */
  persist(owner: string): void;
}

export interface AddressRange {
  readonly first: number;
  readonly last: number;
}

/**
 * A free address, sought from a random place on: one that was in use a moment ago is unlikely to come back at once.
 * @throws {TsbuildError} ADDRESSES_EXHAUSTED
 */
export function leaseAddress(kernel: Kernel, folder: string, range: AddressRange): AddressLease {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const count = range.last - range.first + 1;
  const start = Math.floor(Math.random() * count);
  for (let step = 0; step < count; step++) {
    const lease = tryLease(kernel, folder, range.first + ((start + step) % count));
    if (lease !== undefined) return lease;
  }
  throw new TsbuildError(
    "ADDRESSES_EXHAUSTED",
    `all ${count} addresses from ${formatIpv4(range.first)} to ${formatIpv4(range.last)} are in use`,
    {
      hint: "stop some containers, or use a network with a larger subnet",
    },
  );
}

/** This one address. @throws {TsbuildError} ADDRESS_IN_USE */
export function leaseFixedAddress(kernel: Kernel, folder: string, address: number): AddressLease {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lease = tryLease(kernel, folder, address);
  if (lease === undefined)
    throw new TsbuildError("ADDRESS_IN_USE", `the address ${formatIpv4(address)} is already in use`, { hint: "choose another --ip" });
  return lease;
}

function tryLease(kernel: Kernel, folder: string, address: number): AddressLease | undefined {
  const fd = openSync(join(folder, formatIpv4(address)), constants.O_RDWR | constants.O_CREAT, 0o600);
  if (!kernel.tryFlock(fd, "exclusive") || readFileSync(fd, "utf8") !== "") {
    closeSync(fd);
    return undefined;
  }
  let isOpen = true;
  return {
    address,
    persist: (owner) => {
      writeSync(fd, owner, 0);
    },
    [Symbol.dispose]: () => {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

/** Frees what `persist` has kept. */
export function releaseAddress(folder: string, address: string): void {
  if (!existsSync(join(folder, address))) return;
  const fd = openSync(join(folder, address), constants.O_RDWR);
  ftruncateSync(fd, 0);
  closeSync(fd);
}

/** True when a living process, or a container that has outlived its tsbuild, has the address. */
export function isLeased(kernel: Kernel, folder: string, address: string): boolean {
  const path = join(folder, address);
  if (!existsSync(path)) return false;
  const fd = openSync(path, constants.O_RDWR);
  try {
    return !kernel.tryFlock(fd, "exclusive") || readFileSync(fd, "utf8") !== "";
  } finally {
    closeSync(fd);
  }
}

export function isAnyLeased(kernel: Kernel, folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((address) => isLeased(kernel, folder, address));
}
