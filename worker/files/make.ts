/** MakeFile, MakeDir and Remove. */
import { closeSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { digestFromHex } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import { hasWildcard, matchPath } from "../../base/patterns.js";
import type { MakeDirAction, MakeFileAction, RemoveAction } from "../../llb/op.js";
import type { Destination, Ids } from "./destination.js";
import { applyMode } from "./mode.js";
import { joinPath, parentOf, splitPath } from "./resolve.js";

export interface MakeContext {
  readonly destination: Destination;
  readonly ids: Ids;
  /** Unset: now. */
  readonly mtimeNs: bigint | undefined;
}

/** Writes the file, over one that is there. The folder has to be there. @throws {TsbuildError} COPY_CONFLICT, NOT_A_FOLDER */
export function makeFile({ destination, ids, mtimeNs }: MakeContext, action: MakeFileAction): void {
  const path = destination.resolve(action.path);
  const existing = path === "" ? "dir" : destination.lstat(path)?.type;
  if (existing === "dir") throw new TsbuildError("COPY_CONFLICT", `cannot replace directory "/${path}" with a file`);
  if (parentOf(path) !== "" && destination.lstat(parentOf(path))?.type !== "dir")
    throw new TsbuildError("NOT_A_FOLDER", `can't make "/${path}": "/${parentOf(path)}" is not a directory`);
  destination.remove(path);
  const data = Buffer.from(action.data, "base64");
  const fd = destination.createFile(path);
  try {
    writeFileSync(fd, data);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  destination.finishFile(path, fd, { ...ids, mode: applyMode(action.mode, 0o644, false), mtimeNs });
  destination.digests.set(path, digestFromHex(createHash("sha256").update(data).digest("hex")));
}

/** A folder that is there stays as it is. @throws {TsbuildError} NOT_A_FOLDER */
export function makeDir({ destination, ids, mtimeNs }: MakeContext, action: MakeDirAction): void {
  const path = destination.resolve(action.path);
  const parent = parentOf(path);
  if (!action.makeParents && parent !== "" && destination.lstat(parent)?.type !== "dir")
    throw new TsbuildError("NOT_A_FOLDER", `can't make "/${path}": "/${parent}" is not a directory`);
  destination.makeFolders(path, { mode: applyMode(action.mode, 0o755, true), ids, mtimeNs, replaces: false });
}

/** The last component is not followed: a link itself is removed. @throws {TsbuildError} REMOVE_MISSING, REMOVE_ROOT */
export function removePath(destination: Destination, action: RemoveAction): void {
  const paths =
    action.allowWildcard && hasWildcard(action.path)
      ? expand(destination, action.path)
      : [destination.resolve(action.path, { last: false })];
  for (const path of paths) {
    if (path === "") throw new TsbuildError("REMOVE_ROOT", `"${action.path}" is the root of the image: it can't be removed`);
    if (!action.allowMissing && destination.lstat(path) === undefined)
      throw new TsbuildError("REMOVE_MISSING", `"${action.path}": not found`);
    destination.remove(path);
  }
}

function expand(destination: Destination, pattern: string): readonly string[] {
  const names = splitPath(pattern);
  const first = names.findIndex((name) => hasWildcard(name));
  let paths: readonly string[] = [destination.resolve(names.slice(0, first).join("/"))];
  for (const name of names.slice(first)) {
    paths = paths.flatMap((folder) =>
      folder === "" || destination.lstat(folder)?.type === "dir"
        ? destination
            .list(folder)
            .filter((child) => matchPath(name, child))
            .map((child) => joinPath(folder, child))
        : [],
    );
  }
  return paths;
}
