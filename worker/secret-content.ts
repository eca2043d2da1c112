/** A secret's bytes, from where the caller said they are. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { TsbuildError, isErrno } from "../base/errors.js";
import type { SecretSource } from "./types.js";

const MAX_SECRET_BYTES = 500 * 1024;

/**
 * Undefined for a variable that isn't set. Regular files only, and not without end: a FIFO would block the build.
 * @throws {TsbuildError} SECRET_UNREADABLE, SECRET_TOO_BIG
 */
export function secretContent(id: string, source: SecretSource): Buffer | undefined {
  if (source.type === "env") {
    const value = process.env[source.name];
    return value === undefined ? undefined : Buffer.from(value);
  }
  let fd: number;
  try {
    fd = openSync(source.path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "EACCES", "ENOTDIR")) throw error;
    throw new TsbuildError("SECRET_UNREADABLE", `the file of secret "${id}" can't be read: ${source.path}`, { cause: error });
  }
  try {
    const facts = fstatSync(fd);
    if (!facts.isFile()) throw new TsbuildError("SECRET_UNREADABLE", `the secret "${id}" is not a regular file: ${source.path}`);
    if (facts.size > MAX_SECRET_BYTES) {
      throw new TsbuildError("SECRET_TOO_BIG", `the secret "${id}" has ${facts.size} bytes; at most ${MAX_SECRET_BYTES} are allowed`);
    }
    const content = Buffer.alloc(facts.size);
    const length = readSync(fd, content);
    return content.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}
