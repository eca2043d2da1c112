/**
 * Signals to the program. The launcher passes on what it gets, and a terminal sends Ctrl-C to every process of the
 * group: one key press arrives twice, microseconds apart, and counts once.
 */
type SignalListener = (signal: NodeJS.Signals) => void;

/** USR2 is last: the launcher takes its handler as the sign that all are there. */
const SIGNALS: readonly NodeJS.Signals[] = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"];
const ENDING: ReadonlySet<NodeJS.Signals> = new Set(["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"]);
const SAME_PRESS_MS = 50;

/** Why a command was cancelled: the `reason` of its AbortSignal. */
export class Interrupted extends Error {
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.name = "Interrupted";
    this.signal = signal;
  }
}

export class SignalWatch {
  readonly #abort = new AbortController();
  #listener: SignalListener;
  readonly #lastAtMs = new Map<NodeJS.Signals, number>();

  /** Installs the handlers. `exit` is called for the second request to end: the first one aborts `cancelled`. */
  constructor(exit: (signal: NodeJS.Signals) => void) {
    this.#listener = (signal) => {
      if (!ENDING.has(signal)) return;
      if (this.#abort.signal.aborted) exit(signal);
      else this.#abort.abort(new Interrupted(signal));
    };
    for (const signal of SIGNALS) process.on(signal, () => this.receive(signal, performance.now()));
  }

  /** Aborted with an `Interrupted` by the first signal that asks the program to end. */
  get cancelled(): AbortSignal {
    return this.#abort.signal;
  }

  /** From now on signals go to `listener` instead: `run` passes them to its container. */
  redirect(listener: SignalListener): void {
    this.#listener = listener;
  }

  /** A signal came at `atMs`; a repetition within the same key press is dropped. */
  receive(signal: NodeJS.Signals, atMs: number): void {
    const last = this.#lastAtMs.get(signal);
    this.#lastAtMs.set(signal, atMs);
    if (last === undefined || atMs - last >= SAME_PRESS_MS) this.#listener(signal);
  }
}
