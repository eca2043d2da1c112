/** What `tsbuild prune` says before and after. Pure. */
import { chainRecordId } from "../../cache/chain-records.js";
import type { PruneResult, Victim } from "../../cache/prune.js";
import { unreachable } from "../../base/unreachable.js";
import { familiarName, parseReference } from "../../image/reference.js";
import { humanSize } from "../values/units.js";

export interface PruneScope {
  readonly all: boolean;
  readonly dryRun: boolean;
}

export function pruneQuestion({ all }: PruneScope): string {
  const what = all
    ? ["all images that no container uses", "the whole build cache, with its cache mounts", "what is known of base images"]
    : ["images without a name that no container uses", "build cache that no image needs"];
  return `WARNING! This will remove:\n${what.map((item) => `  - ${item}\n`).join("")}\nAre you sure you want to continue? [y/N] `;
}

export function pruneReport({ removed, reclaimedBytes }: PruneResult, { dryRun }: PruneScope): string {
  const lines = removed.map(lineOf).filter((line) => line !== undefined);
  return `${lines.map((line) => `${line}\n`).join("")}${dryRun ? "Would reclaim" : "Total reclaimed space:"} ${humanSize(reclaimedBytes, 4)}\n`;
}

/** Undefined for what is no thing of its own to people. */
function lineOf({ kind, name }: Victim): string | undefined {
  switch (kind) {
    case "image":
      return `untagged: ${familiarName(parseReference(name))}`;
    case "base": {
      const id = chainRecordId(name);
      return id === undefined ? undefined : `deleted: ${id}`;
    }
    case "snapshot":
    case "cache-mount":
      return `deleted: ${kind} ${name}`;
    case "blob":
      return `deleted: ${name}`;
    case "record":
    case "git-mirror":
    case "stat-cache":
      return undefined;
    default:
      return unreachable(kind);
  }
}
