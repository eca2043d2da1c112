/** Signals to `run` go to the container's process. */
import type { RunningProcess } from "../../executor/run.js";
import { Interrupted, type SignalWatch } from "../signals.js";

/**
 * Keeps signals from when the container is about to start and passes them on when it has: one that comes in between is
 * neither lost nor taken for a wish to end tsbuild itself.
 */
export class SignalRelay {
  readonly #signals: Pick<SignalWatch, "redirect">;
  readonly #abort = new AbortController();
  readonly #waiting: NodeJS.Signals[] = [];
  #running: RunningProcess | undefined;
  #interrupts = 0;

  constructor(signals: Pick<SignalWatch, "redirect">) {
    this.#signals = signals;
  }

  /** Aborted by a second Ctrl-C while the container has not started. */
  get aborted(): AbortSignal {
    return this.#abort.signal;
  }

  starting(): void {
    this.#signals.redirect((signal) => this.#receive(signal));
  }

  started(running: RunningProcess): void {
    this.#running = running;
    for (const signal of this.#waiting.splice(0)) running.kill(signal);
  }

  /** The second Ctrl-C kills: a shell without a handler, as process 1, would never hear the first. */
  #receive(signal: NodeJS.Signals): void {
    if (signal === "SIGINT") this.#interrupts++;
    const isLast = signal === "SIGINT" && this.#interrupts > 1;
    if (this.#running !== undefined) this.#running.kill(isLast ? "SIGKILL" : signal);
    else if (isLast) this.#abort.abort(new Interrupted(signal));
    else this.#waiting.push(signal);
  }
}
