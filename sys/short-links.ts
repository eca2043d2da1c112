/** Short names for long paths: the kernel limits how much text a mount may say. */
import { lstatSync, mkdirSync, mkdtempSync, rmdirSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { isErrno } from "../base/errors.js";

const FOLDER = "/run/tb";

/** Symlinks that live as long as one mount call. Use within a `using`-like try/finally: `dispose` removes them. */
export class ShortLinks {
  readonly #folder: string;
  readonly #isOwnFolder: boolean;
  readonly #links: string[] = [];

  constructor() {
    this.#isOwnFolder = !canUseSharedFolder();
    this.#folder = this.#isOwnFolder ? mkdtempSync(join(tmpdir(), "t")) : FOLDER;
  }

  /** A link to `path` of about ten characters, none of which mount options treat specially. */
  add(path: string): string {
    const target = resolve(path);
    for (let attempt = 0; ; attempt++) {
      const link = `${this.#folder}/${Math.floor(Math.random() * 36 ** 3).toString(36)}`;
      try {
        symlinkSync(target, link);
        this.#links.push(link);
        return link;
      } catch (error) {
        // Another thread or process has that name, or one that was killed left it.
        if (!isErrno(error, "EEXIST") || attempt > 200) throw error;
      }
    }
  }

  dispose(): void {
    for (const link of this.#links.splice(0)) unlinkSync(link);
    if (this.#isOwnFolder) rmdirSync(this.#folder);
  }
}

/** `/run/tb` when this user has it for itself. Only its owner may put links there. */
function canUseSharedFolder(): boolean {
  try {
    mkdirSync(FOLDER, { mode: 0o700 });
  } catch (error) {
    if (!isErrno(error, "EEXIST")) return false;
  }
  const stat = lstatSync(FOLDER);
  return stat.isDirectory() && stat.uid === process.geteuid?.() && (stat.mode & 0o077) === 0;
}
