/** The formats of passwd(5) and group(5). Lines that are none are passed over, as libc does. */

export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const MAX_ID = 2_147_483_647;

/** In the file's order: the first match counts. */
export function parsePasswd(text: string): readonly PasswdEntry[] {
  return lines(text).flatMap(([name, , uid, gid, , home]) => {
    const entry = { name: name ?? "", uid: id(uid), gid: id(gid), home: home ?? "" };
    return entry.name === "" || Number.isNaN(entry.uid) || Number.isNaN(entry.gid) ? [] : [entry];
  });
}

/** In the file's order: the first match counts. */
export function parseGroup(text: string): readonly GroupEntry[] {
  return lines(text).flatMap(([name, , gid, members]) => {
    const entry = { name: name ?? "", gid: id(gid), members: (members ?? "").split(",").filter((member) => member !== "") };
    return entry.name === "" || Number.isNaN(entry.gid) ? [] : [entry];
  });
}

function lines(text: string): readonly (readonly string[])[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.replace(/\r$/, "").split(":"));
}

/** NaN for what is no id. */
function id(text: string | undefined): number {
  return text !== undefined && /^\d+$/.test(text) && Number(text) <= MAX_ID ? Number(text) : Number.NaN;
}
