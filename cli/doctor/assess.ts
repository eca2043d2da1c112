import { existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { ProbeItem, ProbeReport } from "../../executor/probe.js";
import { checkNode } from "../requirements.js";

/** One thing that was looked at. `missing` stops tsbuild, `limited` only takes something away. */
export interface Finding {
  readonly state: "ok" | "limited" | "missing";
  readonly topic: string;
  readonly text: string;
}

/** What of the machine the executor doesn't look at. */
export interface MachineFacts {
  readonly nodeVersion: string;
  readonly root: string;
  /** Of the filesystem that the store is or would be on. */
  readonly freeBytes: number;
}

const LITTLE_SPACE_BYTES = 2e9;

/** What was found, in the order in which it matters. */
export function assess(facts: MachineFacts, report: ProbeReport): readonly Finding[] {
  return [node(facts), ...report.map(findingOf), space(facts)];
}

function node({ nodeVersion }: MachineFacts): Finding {
  try {
    checkNode(nodeVersion);
    return { state: "ok", topic: "node", text: nodeVersion };
  } catch {
    return { state: "missing", topic: "node", text: `${nodeVersion}, and 20.18 or newer is needed` };
  }
}

function findingOf({ name, ok, isRequired, found, advice }: ProbeItem): Finding {
  if (ok) return { state: "ok", topic: name, text: found };
  return { state: isRequired ? "missing" : "limited", topic: name, text: advice === undefined ? found : `${found}: ${advice}` };
}

function space({ root, freeBytes }: MachineFacts): Finding {
  const text = `${(freeBytes / 1e9).toFixed(1)} GB free for ${root}`;
  return { state: freeBytes < LITTLE_SPACE_BYTES ? "limited" : "ok", topic: "space", text };
}

/** The store need not exist yet: then of the nearest folder above it. */
export function gatherFacts(root: string): MachineFacts {
  let folder = root;
  while (!existsSync(folder) && folder !== "/") folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  return { nodeVersion: process.versions.node, root, freeBytes: bavail * bsize };
}
