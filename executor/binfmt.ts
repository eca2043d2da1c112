/** Interpreters that the kernel knows for programs of other machines (Documentation/admin-guide/binfmt-misc.rst). */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../base/errors.js";

export const BINFMT_FOLDER = "/proc/sys/fs/binfmt_misc";
/** What the kernel looks at, BINPRM_BUF_SIZE. */
export const BINFMT_BYTES = 256;

export interface Interpreter {
  readonly name: string;
  readonly path: string;
  /** The kernel opened it when it was registered (flag F): then it need not be in the container. */
  readonly isOpen: boolean;
  readonly offset: number;
  readonly magic: Buffer;
  readonly mask: Buffer;
}

/** Undefined where the kernel's list can't be seen, as in most containers: there may be some all the same. */
export function readInterpreters(folder: string = BINFMT_FOLDER): readonly Interpreter[] | undefined {
  const status = readText(join(folder, "status"));
  if (status === undefined) return undefined;
  if (status.trim() !== "enabled") return [];
  return readdirSync(folder).flatMap((name): Interpreter[] => {
    const text = name === "status" || name === "register" ? undefined : readText(join(folder, name));
    const found = text === undefined ? undefined : parseInterpreter(name, text);
    return found === undefined ? [] : [found];
  });
}

/** Undefined for one that is off or goes by the file's name. */
export function parseInterpreter(name: string, text: string): Interpreter | undefined {
  const lines = text.split("\n");
  const field = (key: string): string | undefined => lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1);
  const path = field("interpreter");
  const magic = Buffer.from(field("magic") ?? "", "hex");
  if (lines[0] !== "enabled" || path === undefined || magic.length === 0) return undefined;
  const mask = Buffer.from(field("mask") ?? "", "hex");
  return {
    name,
    path,
    isOpen: field("flags:")?.includes("F") === true,
    offset: Number(field("offset") ?? 0),
    magic,
    mask: mask.length === magic.length ? mask : Buffer.alloc(magic.length, 0xff),
  };
}

/** The one that the kernel would take for a file that starts so. */
export function interpreterFor(start: Buffer, known: readonly Interpreter[]): Interpreter | undefined {
  return known.find(({ offset, magic, mask }) =>
    magic.every((byte, index) => (((start[offset + index] ?? 0) ^ byte) & (mask[index] ?? 0xff)) === 0),
  );
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (isErrno(error, "ENOENT", "EACCES", "EPERM", "ENOTDIR")) return undefined;
    throw error;
  }
}
