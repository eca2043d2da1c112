/**
 * Small records: one line, a checksum and then JSON. Replaced by rename, never synced by themselves;
 * one that is torn or changed reads as if it were not there.
 */
import { hash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Json } from "../base/digest.js";
import { isErrno } from "../base/errors.js";
import type { Fields } from "../image/json-fields.js";
import { fieldsOf, optionalBoolean, optionalInteger, requiredString } from "../image/json-fields.js";
import type { Stamp } from "./durability.js";

export interface Stored<T> {
  readonly value: T;
  readonly stamp: Stamp;
}

const CHECK_LENGTH = 32;

/** `parse` may throw: a record of the wrong shape is a missing one. */
export function readRecord<T>(path: string, parse: (fields: Fields) => T): Stored<T> | undefined {
  const text = readText(path);
  return text === undefined ? undefined : parseRecord(text, parse);
}

/** Undefined also for a place where no file can be read: a bad sector costs one record. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "EISDIR", "EIO")) return undefined;
    throw error;
  }
}

function parseRecord<T>(text: string, parse: (fields: Fields) => T): Stored<T> | undefined {
  const body = text.slice(CHECK_LENGTH + 1);
  if (text.slice(0, CHECK_LENGTH) !== checkOf(body)) return undefined;
  try {
    const fields = fieldsOf(JSON.parse(body), "record");
    const isVerified = optionalBoolean(fields, "verified") === true;
    const stamp = {
      bootId: requiredString(fields, "boot"),
      atMs: optionalInteger(fields, "at") ?? 0,
      ...(isVerified ? { isVerified } : {}),
    };
    return { value: parse(fieldsOf(fields.object["value"], "record")), stamp };
  } catch {
    // Its checksum is right, so it was written by a program that means something else by it.
    return undefined;
  }
}

/** `temporary` lies on the same filesystem. A folder that is missing is made. */
export function writeRecord(path: string, value: Json, { stamp, temporary }: { readonly stamp: Stamp; readonly temporary: string }): void {
  const body = JSON.stringify({ boot: stamp.bootId, at: stamp.atMs, verified: stamp.isVerified, value });
  publishFile(path, `${checkOf(body)} ${body}`, temporary);
}

/** Write to a temporary name, rename into place. A full disk leaves nothing behind. */
export function publishFile(path: string, content: string | Uint8Array, temporary: string): void {
  try {
    writeFileSync(temporary, content, { mode: 0o600 });
    renameMaking(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Folders are made when they turn out to be missing, not looked for each time. */
export function renameMaking(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (isErrno(error, "ENOENT")) mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
    // A folder where only a file belongs is damage, and goes.
    else if (isErrno(error, "EISDIR")) rmSync(to, { recursive: true, force: true });
    else throw error;
    renameSync(from, to);
  }
}

function checkOf(body: string): string {
  return hash("sha256", body).slice(0, CHECK_LENGTH);
}
