/** IPv4 arithmetic. Addresses are unsigned 32-bit numbers in host order. */
import { TsbuildError } from "../../base/errors.js";

export interface Subnet {
  readonly base: number;
  readonly prefix: number;
}

/** `undefined` for what is no dotted quad without leading zeros. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((value, part) => value * 256 + Number(part), 0);
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** `10.129.0.0/16`. @throws {TsbuildError} SUBNET_INVALID */
export function parseSubnet(text: string): Subnet {
  const [address = "", length = ""] = text.split("/");
  const value = parseIpv4(address);
  const prefix = Number(length);
  if (value === undefined || !/^\d+$/.test(length) || prefix > 30 || prefix < 8) {
    throw new TsbuildError("SUBNET_INVALID", `"${text}" is not an IPv4 subnet`, { hint: "write ADDRESS/BITS, for example 10.20.0.0/24" });
  }
  return { base: networkOf(value, prefix), prefix };
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatIpv4(subnet.base)}/${subnet.prefix}`;
}

/** How many addresses it has, its own and the broadcast one among them. */
export function sizeOf(subnet: Subnet): number {
  return 2 ** (32 - subnet.prefix);
}

export function contains(subnet: Subnet, address: number): boolean {
  return networkOf(address, subnet.prefix) === subnet.base;
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  return networkOf(b.base, a.prefix) === a.base || networkOf(a.base, b.prefix) === b.base;
}

function networkOf(address: number, prefix: number): number {
  return prefix === 0 ? 0 : (address & (0xffffffff << (32 - prefix))) >>> 0;
}

/** A locally administered MAC that follows from the address, so that neighbours' caches stay right when it is used again. */
export function macOf(address: number): string {
  return ["02", "42", ...[24, 16, 8, 0].map((shift) => ((address >>> shift) & 255).toString(16).padStart(2, "0"))].join(":");
}

/** Lines of /proc/net/route: what is routed where. Numbers there are in network order as the machine reads them. */
export function parseRoutes(text: string): readonly { readonly device: string; readonly subnet: Subnet }[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const fields = line.split("\t");
      const [device, destination] = fields;
      const mask = fields[7];
      if (device === undefined || destination === undefined || mask === undefined) return [];
      return [{ device, subnet: { base: fromKernel(destination), prefix: bitsOf(fromKernel(mask)) } }];
    });
}

/** Little-endian machines print the bytes reversed. */
function fromKernel(hex: string): number {
  const bytes = Buffer.from(hex, "hex");
  return isLittleEndian ? bytes.readUInt32LE(0) : bytes.readUInt32BE(0);
}

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function bitsOf(mask: number): number {
  return mask === 0 ? 0 : 32 - Math.log2(2 ** 32 - mask);
}
