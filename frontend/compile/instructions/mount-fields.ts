/** The text of one --mount flag as fields: a line of CSV with `key=value` in it. */
import { TsbuildError } from "../../../base/errors.js";

export interface MountField {
  /** Lower case. */
  readonly key: string;
  /** Unset for a key alone (`ro`). */
  readonly value: string | undefined;
}

/** @throws {TsbuildError} DOCKERFILE_MOUNT */
export function mountFields(text: string): MountField[] {
  return csvCells(text).map((cell) => {
    const at = cell.indexOf("=");
    return at < 0
      ? { key: cell.trim().toLowerCase(), value: undefined }
      : { key: cell.slice(0, at).trim().toLowerCase(), value: cell.slice(at + 1) };
  });
}

/** RFC 4180: a cell in double quotes may hold commas; two quotes in it are one. */
function csvCells(text: string): string[] {
  const cells: string[] = [];
  for (let at = 0; at <= text.length; at++) {
    const [cell, end] = text[at] === '"' ? quotedCell(text, at) : plainCell(text, at);
    cells.push(cell);
    at = end;
  }
  return cells;
}

function plainCell(text: string, start: number): [cell: string, end: number] {
  const comma = text.indexOf(",", start);
  const end = comma < 0 ? text.length : comma;
  return [text.slice(start, end), end];
}

function quotedCell(text: string, start: number): [cell: string, end: number] {
  let cell = "";
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] !== '"') cell += text[at];
    else if (text[at + 1] === '"') cell += text[at++];
    else if (at + 1 === text.length || text[at + 1] === ",") return [cell, at + 1];
    else break;
  }
  throw new TsbuildError("DOCKERFILE_MOUNT", `the quotes in --mount=${text} don't match`, {
    hint: 'write "key=value" around a value with a comma',
  });
}
