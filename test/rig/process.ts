/** Starts programs in a process group of their own, so that a test can end them as a terminal or a crash would. */
import { type ChildProcess, spawn } from "node:child_process";

export interface Ended {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  /** The program and its arguments, for messages. */
  readonly line: string;
}

export interface StartOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** Default two minutes; then the group is killed. */
  readonly timeoutMs?: number;
}

export class Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #line: string;
  readonly #texts = { stdout: "", stderr: "" };
  readonly #watchers = new Set<() => void>();
  #isOver = false;

  constructor(command: string, args: readonly string[], options: StartOptions = {}) {
    const startedAt = performance.now();
    this.#line = [command, ...args].join(" ");
    this.#child = spawn(command, [...args], {
      cwd: options.cwd ?? "/",
      env: options.env ?? process.env,
      detached: true,
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    this.pid = this.#child.pid ?? 0;
    this.#child.stdin?.on("error", () => undefined);
    this.#child.stdin?.end(options.input);
    for (const name of ["stdout", "stderr"] as const) {
      this.#child[name]?.setEncoding("utf8").on("data", (text: string) => {
        this.#texts[name] += text;
        this.#wake();
      });
    }
    const timer = setTimeout(() => this.killGroup("SIGKILL"), options.timeoutMs ?? 120_000);
    this.ended = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code, signal) => {
        clearTimeout(timer);
        this.#isOver = true;
        this.#wake();
        resolve({ code, signal, ...this.#texts, ms: performance.now() - startedAt, line: this.#line });
      });
    });
    this.ended.catch(() => undefined);
  }

  get stdout(): string {
    return this.#texts.stdout;
  }

  get stderr(): string {
    return this.#texts.stderr;
  }

  /** Resolves when `find` is true of what was printed. Rejects when the program ends before. */
  async until(find: (running: Running) => boolean): Promise<void> {
    while (!find(this)) {
      if (this.#isOver) throw new Error(`${this.#line} ended before it came to that point:\n${this.stdout}${this.stderr}`);
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  /** To the whole group, as Ctrl-C in a terminal does. A group that has ended is fine. */
  killGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch {
      // ESRCH
    }
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher();
    this.#watchers.clear();
  }
}

export function run(command: string, args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  return new Running(command, args, options).ended;
}

/** Runs a program that has to succeed. Returns its stdout. */
export async function must(command: string, ...args: readonly string[]): Promise<string> {
  return mustEnd(await run(command, args)).stdout;
}

/** @throws with everything that was printed, unless the exit code is 0 */
export function mustEnd(ended: Ended): Ended {
  if (ended.code !== 0) throw new Error(`${ended.line} ended with ${ended.code ?? ended.signal}\n${ended.stdout}${ended.stderr}`);
  return ended;
}

/** Asks again and again (every 20 ms). Returns the last answer, which is undefined when it never came. */
export async function eventually<T>(ask: () => T | undefined | Promise<T | undefined>, withinMs: number): Promise<T | undefined> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined || performance.now() >= deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
