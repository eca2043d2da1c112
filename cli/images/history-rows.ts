/** The rows of `tsbuild history`. Pure. */
import { digestHex } from "../../base/digest.js";
import type { HistoryEntry } from "../../image/types.js";
import type { StoredImage } from "../../worker/store-commands/catalog.js";
import { ellipsis, type Row } from "../values/listing.js";
import { humanSize, rfc3339, timeAgo } from "../values/units.js";

export interface HistoryOptions {
  readonly nowMs: number;
  readonly noTrunc: boolean;
  /** False: bytes and exact times. */
  readonly human: boolean;
}

export const HISTORY_HEADINGS: Row = {
  Comment: "COMMENT",
  CreatedAt: "CREATED AT",
  CreatedBy: "CREATED BY",
  CreatedSince: "CREATED",
  ID: "IMAGE",
  Size: "SIZE",
};

/** Of the entries only the last has an image of its own. */
const MISSING = "<missing>";
const CREATED_BY_LENGTH = 45;

/** Newest first. `sizes` are those of the layers, bottom first. */
export function historyRows(
  { image, sizes }: { readonly image: StoredImage; readonly sizes: readonly number[] },
  options: HistoryOptions,
): readonly Row[] {
  let layer = 0;
  const entries = image.config.history.map((entry) => ({ entry, bytes: entry.empty_layer === true ? 0 : (sizes[layer++] ?? 0) }));
  const id = options.noTrunc ? image.id : digestHex(image.id).slice(0, 12);
  return entries.reverse().map((each, index) => historyRow(each, index === 0 ? id : MISSING, options));
}

function historyRow(
  { entry, bytes }: { readonly entry: HistoryEntry; readonly bytes: number },
  id: string,
  { nowMs, noTrunc, human }: HistoryOptions,
): Row {
  const created = Date.parse(entry.created ?? "");
  const createdMs = Number.isNaN(created) ? undefined : created;
  const createdBy = (entry.created_by ?? "").replaceAll("\t", " ");
  return {
    ID: id,
    CreatedAt: createdMs === undefined ? "" : rfc3339(createdMs),
    CreatedSince: timeAgo(createdMs, nowMs),
    CreatedBy: noTrunc ? createdBy : ellipsis(createdBy, CREATED_BY_LENGTH),
    Size: human ? humanSize(bytes) : String(bytes),
    Comment: entry.comment ?? "",
  };
}
