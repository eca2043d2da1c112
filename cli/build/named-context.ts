import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import type { NamedContext } from "../../frontend/compile/types.js";
import { splitAtEquals } from "../values/key-value.js";
import { isGitContext } from "./git-context.js";

export interface NamedContexts {
  readonly buildContexts: ReadonlyMap<string, NamedContext>;
  /** Folders of the local ones, by name. */
  readonly contextDirs: ReadonlyMap<string, string>;
}

/**
 * Reads --build-context flags: NAME=FOLDER, NAME=docker-image://REF, NAME=oci-layout://FOLDER@DIGEST (or :TAG), NAME=URL.
 * @throws {TsbuildError} USAGE, CONTEXT_MISSING
 */
export function parseNamedContexts(texts: readonly string[], cwd: string): NamedContexts {
  const buildContexts = new Map<string, NamedContext>();
  const contextDirs = new Map<string, string>();
  for (const text of texts) {
    const { key: name, value } = splitAtEquals(text);
    if (name === "" || value === undefined || value === "") {
      throw new TsbuildError("USAGE", `--build-context "${text}" is not of the form NAME=WHERE`, {
        hint: "for example base=docker-image://alpine",
      });
    }
    const context = parseNamedContext(name, value, cwd);
    buildContexts.set(name, context);
    if (context.type === "local") contextDirs.set(name, resolve(cwd, value));
  }
  return { buildContexts, contextDirs };
}

function parseNamedContext(name: string, value: string, cwd: string): NamedContext {
  if (value.startsWith("docker-image://")) return { type: "image", reference: value.slice("docker-image://".length) };
  if (value.startsWith("oci-layout://")) return ociLayout(name, value.slice("oci-layout://".length), cwd);
  const isFolder = statSync(resolve(cwd, value), { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder) return { type: "local", name };
  if (isGitContext(value, cwd)) return { type: "git", url: value };
  if (/^https?:\/\//i.test(value)) return { type: "http", url: value };
  const problem = existsSync(resolve(cwd, value)) ? "is not a folder" : "does not exist";
  throw new TsbuildError("CONTEXT_MISSING", `--build-context ${name}: ${value} ${problem}`);
}

function ociLayout(name: string, text: string, cwd: string): NamedContext {
  const at = text.lastIndexOf("@");
  const colon = text.lastIndexOf(":");
  const hasTag = at === -1 && colon > text.lastIndexOf("/");
  const split = at === -1 ? (hasTag ? colon : text.length) : at;
  const path = resolve(cwd, text.slice(0, split));
  if (!existsSync(path)) throw new TsbuildError("CONTEXT_MISSING", `--build-context ${name}: the OCI layout ${path} does not exist`);
  return { type: "oci-layout", path, digestOrTag: text.slice(split + 1) || "latest" };
}
