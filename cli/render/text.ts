/** Makes text of unknown origin fit for a terminal or a log. */

/** ECMA-48: control sequences, operating system commands and the other string commands, then two- and three-byte escapes. */
// eslint-disable-next-line no-control-regex
const ESCAPES =
  /\u001b\[[0-?]*[ -/]*[@-~]|\u009b[0-?]*[ -/]*[@-~]|\u001b[\]PX^_][^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]/g;
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
/** Characters that turn the direction of text, so that it reads otherwise than it is (CVE-2021-42574). */
const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g;

/** What CI runners take from a job's log as an order to them: GitHub's at the start of a line, Azure's, TeamCity's and GitHub's older ones anywhere. */
const LINE_COMMANDS = /^([ \t]*):(?=:[\w-]+[^\n]*::)/gm;
const BRACKET_COMMANDS = /#(?=#(?:vso|teamcity)?\[)/g;

/** Without escape sequences and control characters, and with a blank in what a CI runner would obey; line feeds and tabs stay. */
export function neutralize(text: string): string {
  const plain = text.replace(ESCAPES, "").replace(CONTROLS, "").replace(DIRECTIONS, "\ufffd");
  return plain.replace(LINE_COMMANDS, "$1: ").replace(BRACKET_COMMANDS, "# ");
}

/** What a terminal would show of a line in which carriage returns went back to its start. */
export function lastRewrite(line: string): string {
  const text = line.replace(/\r+$/, "");
  return text.slice(text.lastIndexOf("\r") + 1);
}

/** `0.0s`, `12.3s`, `2m05s`, `1h02m`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m${String(whole % 60).padStart(2, "0")}s`;
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}m`;
}

/** `512 B`, `1.5 MB`: units are powers of 1000, as registries count. */
export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, count < 1000 ? 0 : Math.floor(Math.log10(count) / 3));
  return `${power === 0 ? count : (count / 1000 ** power).toFixed(1)} ${units[power] ?? ""}`;
}

/** One line of at most `columns` terminal cells. */
export function clip(text: string, columns: number): string {
  const line = text.replaceAll("\n", " ").replaceAll("\t", " ");
  let cells = 0;
  let end = 0;
  for (const character of line) {
    const width = cellWidth(character);
    if (cells + width > columns) return `${line.slice(0, Math.max(0, end - 1))}…`;
    cells += width;
    end += character.length;
  }
  return line;
}

/** East Asian wide characters and emoji take two cells (UAX #11); marks that combine none. */
function cellWidth(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (/\p{Mn}|\p{Me}|\u200d|\ufe0f/u.test(character)) return 0;
  return /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u.test(
    character,
  ) || code >= 0x20000
    ? 2
    : 1;
}
