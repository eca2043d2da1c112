/** Lists a tree that another program wrote into a snapshot, and gives all of it one time. */
import { readdirSync } from "node:fs";
import { loadKernel } from "../../sys/kernel.js";
import type { Kernel } from "../../sys/types.js";
import type { CommittedFacts, ListTreeTask } from "../tasks.js";
import { listSnapshot, writeList } from "./list-snapshot.js";

const SLASH = Buffer.from("/");

export function listTree({ active, timeSec }: ListTreeTask): CommittedFacts {
  const kernel = loadKernel();
  setTimes(kernel, Buffer.from(active.fs), BigInt(timeSec) * 1_000_000_000n);
  const { list, facts } = listSnapshot(kernel, active.fs, { wantsDiffId: false });
  writeList(active, list);
  return facts;
}

/** Of links themselves. A folder's after those of what is in it. */
function setTimes(kernel: Kernel, folder: Buffer, timeNs: bigint): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, encoding: "buffer" })) {
    const path = Buffer.concat([folder, SLASH, entry.name]);
    if (entry.isDirectory()) setTimes(kernel, path, timeNs);
    else kernel.setTimes(path, timeNs, timeNs);
  }
  kernel.setTimes(folder, timeNs, timeNs);
}
