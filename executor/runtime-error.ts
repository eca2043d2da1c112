/** The process could not be started: what the runtime says, in words and exit codes that Docker's users know. */
import { TsbuildError } from "../base/errors.js";

/** `exitCode`: 127 the command was not found, 126 it can't be executed, 125 anything else (docker run, "Exit status"). */
export class RuntimeError extends TsbuildError {
  readonly exitCode: 125 | 126 | 127;

  constructor(
    code: string,
    message: string,
    { exitCode, hint }: { readonly exitCode: 125 | 126 | 127; readonly hint?: string | undefined },
  ) {
    super(code, message, { hint });
    this.name = "RuntimeError";
    this.exitCode = exitCode;
  }
}

const NOT_FOUND = /executable file .*not found|no such file or directory/i;
const NOT_EXECUTABLE = /permission denied|operation not permitted|is a directory|not a directory|exec format error/i;
/** Messages about the command itself, of crun and of runc. */
const ABOUT_COMMAND = /executable file|open executable|exec:|exec container process|execvp?|stat .*: no such file/i;

/** `text` is the runtime's last error message, `command` the first word of what was to run. */
export function runtimeError(text: string, command: string): RuntimeError {
  if (ABOUT_COMMAND.test(text) && NOT_FOUND.test(text)) {
    return new RuntimeError("COMMAND_NOT_FOUND", `${command}: not found: ${text}`, {
      exitCode: 127,
      hint: "check the spelling, and that the image has the program and its interpreter",
    });
  }
  if (ABOUT_COMMAND.test(text) && NOT_EXECUTABLE.test(text)) {
    return new RuntimeError("COMMAND_NOT_EXECUTABLE", `${command}: can't be executed: ${deniedText(text)}`, {
      exitCode: 126,
      hint: hintFor(text),
    });
  }
  return new RuntimeError("RUNTIME_FAILED", `the container could not be started: ${text}`, { exitCode: 125 });
}

/** crun calls a folder in place of a program "Operation not permitted". */
function deniedText(text: string): string {
  return text.replace(/operation not permitted/i, "permission denied");
}

function hintFor(text: string): string {
  return /exec format error/i.test(text)
    ? "the program is for another architecture, or a script without a #! line"
    : "check its mode (chmod +x) and that it is a file";
}

/** The last message of level error in a log of JSON lines; `undefined` when there is none. */
export function lastLoggedError(log: string): string | undefined {
  return log
    .split("\n")
    .flatMap((line) => {
      const message = errorIn(line);
      return message === undefined ? [] : [message];
    })
    .at(-1);
}

function errorIn(line: string): string | undefined {
  if (line.trim() === "") return undefined;
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== "object" || entry === null || !("msg" in entry) || typeof entry.msg !== "string") return undefined;
    return "level" in entry && entry.level === "error" ? entry.msg : undefined;
  } catch {
    return line;
  }
}
