import type { WordsInstruction } from "../../syntax/ast.js";
import { errorAt } from "../dockerfile-error.js";
import { refuseFlags } from "../flags.js";
import { withConfig, withHistory } from "../stage-state.js";
import type { Origin, Step } from "../step.js";
import { expanded } from "../words.js";
import { metadataStep } from "./metadata-step.js";

/** Names of signal(7) on Linux, and the real-time ones as shells write them. */
const SIGNALS = new Set([
  "ABRT",
  "ALRM",
  "BUS",
  "CHLD",
  "CLD",
  "CONT",
  "FPE",
  "HUP",
  "ILL",
  "INT",
  "IO",
  "IOT",
  "KILL",
  "PIPE",
  "POLL",
  "PROF",
  "PWR",
  "QUIT",
  "SEGV",
  "STKFLT",
  "STOP",
  "SYS",
  "TERM",
  "TRAP",
  "TSTP",
  "TTIN",
  "TTOU",
  "URG",
  "USR1",
  "USR2",
  "VTALRM",
  "WINCH",
  "XCPU",
  "XFSZ",
  "RTMIN",
  "RTMAX",
  ...Array.from({ length: 15 }, (_, index) => `RTMIN+${index + 1}`),
  ...Array.from({ length: 14 }, (_, index) => `RTMAX-${index + 1}`),
]);

/** `STOPSIGNAL SIGINT`: what `stop` sends to the container. */
export function readStopsignal(instruction: WordsInstruction, origin: Origin): Step {
  refuseFlags(instruction, origin);
  const { text } = instruction;
  return metadataStep(instruction, (state) => {
    const StopSignal = expanded(text, state, origin);
    if (!isSignal(StopSignal))
      throw errorAt(
        origin.file,
        text.range,
        "DOCKERFILE_SIGNAL",
        `invalid signal: ${StopSignal}`,
        "write a name as SIGTERM, or a number from 1 to 64",
      );
    return withHistory(withConfig(state, { StopSignal }), `STOPSIGNAL ${StopSignal}`, { hasLayer: false });
  });
}

function isSignal(text: string): boolean {
  if (/^\d+$/.test(text)) return Number(text) >= 1 && Number(text) <= 64;
  return SIGNALS.has(text.toUpperCase().replace(/^SIG/, ""));
}
