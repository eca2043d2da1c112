/** Layers on their way, told on stderr: a line for each that is done, on a terminal a line that changes. */
import type { BuildEvent } from "../../base/events.js";
import type { FdWriter } from "../fd-writer.js";
import { humanSize } from "../values/units.js";

const REDRAW_MS = 100;
/** Erases the line (ECMA-48 EL) and goes to its start. */
const CLEAR = "\r\u001b[2K";

interface Layer {
  readonly current: number;
  readonly total: number;
}

export class LayerProgress {
  readonly #out: Pick<FdWriter, "write" | "isTerminal">;
  readonly #isQuiet: boolean;
  /** `Pulled`, `Pushed`. */
  readonly #doneWord: string;
  readonly #layers = new Map<string, Layer>();
  readonly #done = new Set<string>();
  #drawnAtMs = 0;
  #isDrawn = false;

  constructor(
    out: Pick<FdWriter, "write" | "isTerminal">,
    { isQuiet, doneWord }: { readonly isQuiet: boolean; readonly doneWord: string },
  ) {
    this.#out = out;
    this.#isQuiet = isQuiet;
    this.#doneWord = doneWord;
  }

  readonly onEvent = (event: BuildEvent): void => {
    if (event.type === "step-progress")
      this.update(event.id, { current: event.current, total: event.total ?? event.current, isDone: event.isDone });
  };

  update(digest: string, { current, total, isDone }: Layer & { readonly isDone: boolean }): void {
    if (this.#isQuiet || this.#done.has(digest)) return;
    this.#layers.set(digest, { current, total });
    if (isDone) {
      this.#done.add(digest);
      this.line(`${digest.replace("sha256:", "").slice(0, 12)}: ${this.#doneWord} ${humanSize(total)}`);
    }
    this.#redraw();
  }

  /** Unless it is to be quiet. */
  line(text: string): void {
    if (this.#isQuiet) return;
    this.#out.write(`${this.#isDrawn ? CLEAR : ""}${text}\n`);
    this.#isDrawn = false;
  }

  /** Takes away what is provisional. */
  finish(): void {
    if (this.#isDrawn) this.#out.write(CLEAR);
    this.#isDrawn = false;
  }

  #redraw(): void {
    const now = Date.now();
    if (!this.#out.isTerminal || now - this.#drawnAtMs < REDRAW_MS) return;
    this.#drawnAtMs = now;
    const layers = [...this.#layers.values()];
    const sum = (field: keyof Layer): string => humanSize(layers.reduce((total, layer) => total + layer[field], 0));
    this.#out.write(`${CLEAR}${this.#done.size}/${layers.length} layers, ${sum("current")} of ${sum("total")}`);
    this.#isDrawn = true;
  }
}
