/** Lists as Docker prints them: a table, a line of JSON for each, or a template of the user's. */
import { goJson } from "./go-values.js";
import { compileTemplate } from "./template.js";
import { HEADING_FUNCTIONS } from "./template-functions.js";

/** What a row's fields are called in templates, and what they say. */
export type Row = Readonly<Record<string, string>>;

export interface Listing {
  readonly rows: readonly Row[];
  /** Over the columns of a table, by field. */
  readonly headings: Row;
  /** As given by the user; undefined: the standard table. */
  readonly format: string | undefined;
  /** `{{.A}}\t{{.B}}`: columns of the standard table. */
  readonly columns: string;
}

const MIN_WIDTH = 10;
const PADDING = 3;

/** @throws {TsbuildError} TEMPLATE_INVALID */
export function renderListing({ rows, headings, format = "table", columns }: Listing): string {
  if (format === "json") return rows.map((row) => `${goJson(sorted(row))}\n`).join("");
  if (format === "table" || format.startsWith("table ")) {
    const line = format === "table" ? columns : withEscapes(format.slice("table ".length).trim());
    return renderTable([compileTemplate(line, HEADING_FUNCTIONS)(headings), ...lines(rows, line)]);
  }
  return lines(rows, withEscapes(format))
    .map((line) => `${line}\n`)
    .join("");
}

function lines(rows: readonly Row[], template: string): readonly string[] {
  const render = compileTemplate(template);
  return rows.map((row) => render(sorted(row)));
}

/** By name, as Go writes maps. */
function sorted(row: Row): Row {
  return Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `\t` and `\n` as people write them in a shell. */
function withEscapes(text: string): string {
  return text.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

/** Cells end at tabs; each column is as wide as its widest cell and three blanks, and ten at least. The last one is not padded. */
export function renderTable(table: readonly string[]): string {
  const cells = table.map((line) => line.replaceAll("\n", " ").split("\t"));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [index, cell] of row.slice(0, -1).entries()) widths[index] = Math.max(widths[index] ?? MIN_WIDTH, width(cell) + PADDING);
  }
  return cells
    .map(
      (row) =>
        `${row.map((cell, index) => (index === row.length - 1 ? cell : cell + " ".repeat((widths[index] ?? 0) - width(cell)))).join("")}\n`,
    )
    .join("");
}

function width(text: string): number {
  return [...text].length;
}

/** `text` with at most `length` characters, the last of which then is `…`. */
export function ellipsis(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join("")}…`;
}
