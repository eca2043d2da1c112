/**
 * What a step's key is made of.
 *
 * In: the op itself (command, environment, folder, user, network and security mode, mounts, host names, file
 * actions), the identity of each input that is used whole, and the checksum of what is read of the others.
 * Out, on purpose: secrets' and agents' content, ids of cache mounts, proxy variables, addresses of extra hosts, resource
 * limits, names and places of steps. Modification times and owners of a build context are out by way of its checksum.
 */
import { type Digest, canonicalJson, digestHex, sha256Digest } from "../base/digest.js";
import { unreachable } from "../base/unreachable.js";
import type { KeyPart, StepKey } from "../cache/types.js";
import type { VertexMeta, Vertex } from "../llb/graph.js";
import type { CopyAction, ExecMount, ExecOp, FileOp } from "../llb/op.js";

/** Counts in every key: a change of what keys mean leaves all older records unfound. */
const KEY_SCHEMA = "tsbuild-step-1";

/** The key of these ingredients, in their order. */
export function stepKey(parts: readonly KeyPart[]): StepKey {
  const counted = parts.filter((part) => part.isDetail !== true);
  const text = canonicalJson([KEY_SCHEMA, ...counted.map((part) => [part.name, part.value])]);
  return digestHex(sha256Digest(text)) as StepKey;
}

/** The identity of a result that is determined by its key. */
export function identityOfKey(key: StepKey): Digest {
  return sha256Digest(`result of ${key}`);
}

/** Inputs of which an op reads only a part, so that a checksum of that part may stand for them. */
export function partialInputs(vertex: Vertex): readonly number[] {
  const { op } = vertex;
  const indexes = new Set<number>();
  if (op.kind === "file") {
    for (const action of op.actions) if (action.type === "copy") indexes.add(action.input);
    if (op.base) indexes.delete(0);
  }
  if (op.kind === "exec") {
    for (const mount of op.mounts) if (mount.type === "bind") indexes.add(mount.input);
    indexes.delete(0);
  }
  return [...indexes].sort((a, b) => a - b);
}

/** Which part of its partial inputs an op reads, by path: goes with their identities, where the checksum isn't known. */
export function selectionParts(vertex: Vertex): KeyPart[] {
  const { op } = vertex;
  if (op.kind === "file") {
    return op.actions.flatMap((action) =>
      action.type === "copy"
        ? [
            {
              name: "selection",
              value: canonicalJson({
                input: action.input,
                sources: action.sources,
                excludes: action.excludes,
                wildcard: action.allowWildcard,
              }),
            },
          ]
        : [],
    );
  }
  if (op.kind === "exec") {
    return op.mounts.flatMap((mount) =>
      mount.type === "bind"
        ? [{ name: "selection", value: canonicalJson({ input: mount.input, source: mount.source, target: mount.target }) }]
        : [],
    );
  }
  return [];
}

/** The ingredients that the op itself gives, without its inputs. */
export function opParts(vertex: Vertex, meta: VertexMeta): KeyPart[] {
  const { op } = vertex;
  switch (op.kind) {
    case "exec":
      return execParts(op, meta);
    case "file":
      return fileParts(op);
    case "merge":
    case "diff":
      return [{ name: "operation", value: op.kind }];
    case "source":
      throw new Error("Internal error: a source has no step key");
    default:
      return unreachable(op);
  }
}

function execParts(op: ExecOp, meta: VertexMeta): KeyPart[] {
  const argNames = new Set((meta.args ?? []).map(nameOf));
  return [
    { name: "operation", value: "exec" },
    { name: "command", value: canonicalJson([...op.args]) },
    ...op.env.map((entry) => ({ name: `${argNames.has(nameOf(entry)) ? "ARG" : "ENV"} ${nameOf(entry)}`, value: valueOf(entry) })),
    { name: "folder", value: op.cwd },
    { name: "user", value: op.user },
    { name: "network", value: op.network },
    { name: "security", value: op.security },
    { name: "hostname", value: op.hostname ?? "" },
    { name: "exit codes", value: canonicalJson(op.validExitCodes ?? [0]) },
    { name: "extra hosts", value: canonicalJson(op.extraHosts.map((entry) => entry.split(/[:=]/, 1)[0] ?? "")) },
    ...op.mounts.map((mount) => ({ name: `mount ${mountTarget(mount)}`, value: mountValue(mount) })),
  ];
}

function nameOf(entry: string): string {
  const end = entry.indexOf("=");
  return end < 0 ? entry : entry.slice(0, end);
}

function valueOf(entry: string): string {
  const end = entry.indexOf("=");
  return end < 0 ? "" : entry.slice(end + 1);
}

function mountTarget(mount: ExecMount): string {
  return mount.type === "secret" ? (mount.target ?? `$${mount.env ?? mount.id}`) : mount.target;
}

/** Everything of a mount that the process could notice, but for what lies in it. */
function mountValue(mount: ExecMount): string {
  switch (mount.type) {
    case "bind":
      return canonicalJson({ type: "bind", writable: mount.writable });
    case "cache":
      return canonicalJson({ type: "cache", readonly: mount.readonly, mode: mount.mode, uid: mount.uid, gid: mount.gid });
    case "tmpfs":
      return canonicalJson({ type: "tmpfs", size: mount.sizeBytes });
    case "secret":
      return canonicalJson({ type: "secret", id: mount.id, env: mount.env, mode: mount.mode, uid: mount.uid, gid: mount.gid });
    case "ssh":
      return canonicalJson({ type: "ssh", id: mount.id, mode: mount.mode, uid: mount.uid, gid: mount.gid });
    default:
      return unreachable(mount);
  }
}

function fileParts(op: FileOp): KeyPart[] {
  return [
    { name: "operation", value: op.base ? "file" : "file on an empty tree" },
    ...op.actions.map((action) => ({
      name: "command",
      value: canonicalJson(
        action.type === "copy" ? copyRule(action) : { ...action, owner: action.type === "remove" ? undefined : { ...action.owner } },
      ),
    })),
  ];
}

/** How a COPY places files. Which files, and what is in them, is the checksum's part. */
function copyRule(action: CopyAction): Record<string, string | boolean | readonly string[]> {
  return {
    type: "copy",
    destination: action.destination,
    contentsOnly: action.contentsOnly,
    unpack: action.unpack,
    owner: action.owner === undefined ? "" : `${action.owner.user}:${action.owner.group ?? ""}`,
    mode: action.mode ?? "",
    keepParents: action.keepParents,
    followDestinationLinks: action.followDestinationLinks,
    // A destination without a slash is a file or a folder depending on how many sources were named.
    manySources: action.sources.length > 1 || action.allowWildcard,
  };
}

/** The part of the key that asks for inputs by identity: all of them, or those not in `except`. */
export function inputParts(identities: readonly (Digest | undefined)[], except: ReadonlySet<number>): KeyPart[] {
  const parts: KeyPart[] = [];
  identities.forEach((identity, index) => {
    if (identity !== undefined && !except.has(index)) parts.push({ name: index === 0 ? "base" : `input ${index}`, value: identity });
  });
  return parts;
}
