/** The init program of `--init`: a static binary of the host that reaps children and passes signals on. */
import { closeSync, openSync, readSync } from "node:fs";
import { TsbuildError } from "../base/errors.js";
import { PROGRAM_FOLDERS, findProgram } from "./runtime.js";

const CANDIDATES = ["docker-init", "catatonit", "tini-static", "tini"];
/** elf.h */
const PT_INTERP = 3;
const ELF_MAGIC = 0x464c457f;

/**
 * The absolute path of a static init program; a dynamic one would look for its libraries in the image.
 * @throws {TsbuildError} INIT_MISSING
 */
export function findInit(): string {
  const path = CANDIDATES.map((name) => findProgram(name)).find((candidate) => candidate !== undefined && isStaticElf(readHead(candidate)));
  if (path !== undefined) return path;
  throw new TsbuildError(
    "INIT_MISSING",
    `--init needs a static init program, and none of ${CANDIDATES.join(", ")} is in ${PROGRAM_FOLDERS.join(":")}`,
    {
      hint: "apt install catatonit",
    },
  );
}

/** True for a 64-bit little-endian ELF file without an interpreter, judged by its first bytes. */
export function isStaticElf(head: Buffer): boolean {
  if (head.length < 64 || head.readUInt32LE(0) !== ELF_MAGIC || head[4] !== 2 || head[5] !== 1) return false;
  const offset = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  for (let index = 0; index < count; index++) {
    const at = offset + index * size;
    if (at + 4 > head.length) return false;
    if (head.readUInt32LE(at) === PT_INTERP) return false;
  }
  return true;
}

function readHead(path: string): Buffer {
  const fd = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(4096);
    return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(fd);
  }
}
