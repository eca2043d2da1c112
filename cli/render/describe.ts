/** `--call outline` and `--call targets`: tables for people and BuildKit's JSON for programs. */
import type { SourceLocation } from "../../base/source.js";
import type { DescribedTarget, Outline } from "../../worker/check.js";
import { SourceList } from "./sources.js";
import { neutralize } from "./text.js";

export function targetsText(targets: readonly DescribedTarget[]): string {
  return table([
    ["TARGET", "DESCRIPTION"],
    ...targets.map(({ name, isDefault, description }) => [targetName(name, isDefault), description]),
  ]);
}

function targetName(name: string, isDefault: boolean): string {
  if (!isDefault) return name;
  return name === "" ? "(default)" : `${name} (default)`;
}

export function targetsJson(targets: readonly DescribedTarget[]): string {
  const sources = new SourceList();
  const shown = targets.map(({ name, isDefault, description, base, platform, location }) => ({
    ...(name === "" ? {} : { name }),
    ...(isDefault ? { default: true } : {}),
    ...(description === "" ? {} : { description }),
    base,
    ...(platform === undefined ? {} : { platform }),
    location: sources.location(location),
  }));
  return json({ targets: shown, sources: sources.contents() });
}

/** What there is nothing of has no table. */
export function outlineText({ name, description, args, secrets, ssh, caches }: Outline): string {
  const heading = [["TARGET:", name === "" ? "(default)" : name], ...(description === "" ? [] : [["DESCRIPTION:", description]])];
  const required = (isRequired: boolean): string => (isRequired ? "true" : "");
  const parts = [
    name === "" && description === "" ? [] : heading,
    titled(
      ["BUILD ARG", "VALUE", "DESCRIPTION"],
      args.map((arg) => [arg.name, arg.value ?? "", arg.description]),
    ),
    titled(
      ["SECRET", "REQUIRED"],
      secrets.map(({ id, isRequired }) => [id, required(isRequired)]),
    ),
    titled(
      ["SSH", "REQUIRED"],
      ssh.map(({ id, isRequired }) => [id, required(isRequired)]),
    ),
    titled(
      ["CACHE MOUNT"],
      caches.map(({ id }) => [id]),
    ),
  ];
  return parts
    .filter((rows) => rows.length > 0)
    .map(table)
    .join("\n");
}

export function outlineJson({ name, description, args, secrets, ssh, caches }: Outline): string {
  const sources = new SourceList();
  const place = (location: SourceLocation | undefined): object => (location === undefined ? {} : { location: sources.location(location) });
  const mount = ({ id, isRequired, location }: Outline["ssh"][number]): object => ({
    name: id,
    ...(isRequired ? { required: true } : {}),
    ...place(location),
  });
  return json({
    ...(name === "" ? {} : { name }),
    ...(description === "" ? {} : { description }),
    ...some("args", args, (arg) => ({
      name: arg.name,
      ...(arg.description === "" ? {} : { description: arg.description }),
      ...(arg.value === undefined ? {} : { value: arg.value }),
      ...place(arg.location),
    })),
    ...some("secrets", secrets, mount),
    ...some("ssh", ssh, mount),
    ...some("cache", caches, ({ id, location }) => ({ ID: id, ...place(location) })),
    sources: sources.contents(),
  });
}

function some<T>(name: string, items: readonly T[], show: (item: T) => object): Readonly<Record<string, readonly object[]>> {
  return items.length === 0 ? {} : { [name]: items.map(show) };
}

function titled(title: readonly string[], rows: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return rows.length === 0 ? [] : [title, ...rows];
}

/** Columns three blanks apart; one row a line, whatever its cells hold. */
function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => neutralize(cell).replaceAll(/\s+/g, " ")));
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("   ");
  return cells.map((row) => `${line(row).trimEnd()}\n`).join("");
}

function json(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
