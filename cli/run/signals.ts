/** Signals to `run` go to the container's process. */
import type { RunningProcess } from "../../executor/run.js";
import type { SignalWatch } from "../signals.js";

/** The second Ctrl-C kills: a shell without a handler, as process 1, would never hear the first. */
export function passSignals(signals: Pick<SignalWatch, "redirect">, running: RunningProcess): void {
  let interrupts = 0;
  signals.redirect((signal) => {
    if (signal === "SIGINT") interrupts++;
    running.kill(interrupts > 1 ? "SIGKILL" : signal);
  });
}
