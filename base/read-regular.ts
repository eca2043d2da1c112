/** Files that lie in folders of others: a FIFO or a device in their place must not hold the program up, nor a large file fill its memory. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { TsbuildError } from "./errors.js";

/**
 * The text of a regular file. Links are followed.
 * @throws {TsbuildError} FILE_NOT_REGULAR, FILE_TOO_BIG; what open(2) and read(2) say
 */
export function readRegularText(path: string, maxBytes: number): string {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new TsbuildError("FILE_NOT_REGULAR", `${path} is not a regular file`, { hint: "put a file in its place" });
    if (stat.size > maxBytes) throw new TsbuildError("FILE_TOO_BIG", `${path} has ${stat.size} bytes; at most ${maxBytes} are read`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}
