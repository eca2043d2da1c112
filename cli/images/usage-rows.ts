/** The rows of `tsbuild du`. Pure. */
import type { UsageRow, UsageType } from "../../cache/usage.js";
import type { Row } from "../values/listing.js";
import { humanSize } from "../values/units.js";

export const USAGE_HEADINGS: Row = { Type: "TYPE", TotalCount: "TOTAL", Active: "ACTIVE", Size: "SIZE", Reclaimable: "RECLAIMABLE" };

const NAMES: Readonly<Record<UsageType, string>> = {
  image: "Images",
  snapshot: "Build cache: layers",
  blob: "Build cache: blobs",
  record: "Build cache: records",
  "cache-mount": "Cache mounts",
  "git-mirror": "Git repositories",
  "stat-cache": "File checksums",
  container: "Containers",
  volume: "Volumes",
  log: "Build history",
  temp: "Temporary files",
};

/** In the end a row for all of it, unless a program reads. */
export function usageRows(usage: readonly UsageRow[], { withTotal }: { readonly withTotal: boolean }): readonly Row[] {
  const rows = usage.map((row) => ({ ...sizes(row), Type: NAMES[row.type], TotalCount: String(row.count), Active: String(row.active) }));
  if (!withTotal) return rows;
  const sum = (field: "bytes" | "reclaimableBytes"): number => usage.reduce((total, row) => total + row[field], 0);
  return [
    ...rows,
    { ...sizes({ bytes: sum("bytes"), reclaimableBytes: sum("reclaimableBytes") }), Type: "Total", TotalCount: "", Active: "" },
  ];
}

function sizes({ bytes, reclaimableBytes }: Pick<UsageRow, "bytes" | "reclaimableBytes">): Pick<Row, "Size" | "Reclaimable"> {
  const share = bytes === 0 ? "" : ` (${Math.trunc((reclaimableBytes * 100) / bytes)}%)`;
  return { Size: humanSize(bytes), Reclaimable: humanSize(reclaimableBytes) + share };
}
