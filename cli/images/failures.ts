/** Commands with several arguments go on after a failure and tell all of them at the end. */
import { TsbuildError, messageOf } from "../../base/errors.js";

/** Does `work` for each; throws what failed when all were tried. */
export async function forEach(items: readonly string[], work: (item: string) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  for (const item of items) {
    try {
      await work(item);
    } catch (error) {
      // What isn't said of the one item ends everything: an interrupt, a full disk, a mistake of ours.
      if (!(error instanceof TsbuildError) || error.code === "USAGE") throw error;
      failures.push(error);
    }
  }
  throwAll(failures);
}

function throwAll(failures: readonly unknown[]): void {
  const [first, ...others] = failures;
  if (first === undefined) return;
  if (others.length === 0 || !(first instanceof TsbuildError)) throw first;
  throw new TsbuildError(first.code, failures.map(messageOf).join("\n"), { hint: first.hint });
}
