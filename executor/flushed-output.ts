/**
 * What a container wrote to its terminal last: when it ends before crun has passed that on, crun writes the rest into its
 * own log, as messages of at most 255 bytes with a line feed behind each.
 */

const CHUNK = 255;
/** A message of the runtime's own. A terminal's lines end in CR LF, these don't. */
const OWN_MESSAGE = /^\{.*"level".*\}\n/gm;

/** The container's bytes in a log, as Latin-1; empty when all was passed on. */
export function flushedOutput(log: string): string {
  const rest = log.replace(OWN_MESSAGE, "");
  let output = "";
  for (let at = 0; at < rest.length;) {
    const isFull = rest[at + CHUNK] === "\n";
    output += isFull ? rest.slice(at, at + CHUNK) : rest.slice(at).replace(/\n$/, "");
    at = isFull ? at + CHUNK + 1 : rest.length;
  }
  return output;
}

/** The log without the container's bytes. */
export function ownMessages(log: string): string {
  return (log.match(OWN_MESSAGE) ?? []).join("");
}
