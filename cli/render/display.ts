import { TsbuildError } from "../../base/errors.js";
import type { EventSink } from "../../base/events.js";
import type { FdWriter } from "../fd-writer.js";
import { PlainDisplay } from "./plain.js";
import { RawJsonDisplay } from "./rawjson.js";
import { TtyDisplay } from "./tty.js";

/** Shows a build. */
export interface Display {
  readonly onEvent: EventSink;
  /** No event comes any more: takes away what is provisional and prints what comes at the end. */
  finish(): void;
}

export type ProgressMode = "plain" | "tty" | "rawjson" | "quiet";

/** What a display needs of a FdWriter, so that tests can do without one. */
export type TextSink = Pick<FdWriter, "write" | "backlogBytes">;

const MODES = "auto, plain, tty, rawjson and quiet";

/**
 * The display to use: --progress, else BUILDKIT_PROGRESS, else what stderr is.
 * @throws {TsbuildError} USAGE
 */
export function progressMode(
  given: string | undefined,
  { isQuiet, isTerminal }: { readonly isQuiet: boolean; readonly isTerminal: boolean },
): ProgressMode {
  const mode = given ?? "auto";
  if (isQuiet || mode === "quiet" || mode === "none") return "quiet";
  if (mode === "plain" || mode === "rawjson") return mode;
  if (mode === "auto" || mode === "") return isTerminal ? "tty" : "plain";
  if (mode !== "tty") throw new TsbuildError("USAGE", `--progress has no mode "${mode}"`, { hint: `modes are ${MODES}` });
  if (!isTerminal) throw new TsbuildError("USAGE", "--progress tty: stderr is not a terminal", { hint: "use --progress plain" });
  return mode;
}

export function createDisplay(mode: ProgressMode, stderr: TextSink): Display {
  switch (mode) {
    case "plain":
      return new PlainDisplay(stderr);
    case "tty":
      return new TtyDisplay(stderr, { columns: () => process.stderr.columns, rows: () => process.stderr.rows, nowMs: () => Date.now() });
    case "rawjson":
      return new RawJsonDisplay(stderr);
    case "quiet":
      return { onEvent: () => {}, finish: () => {} };
  }
}
