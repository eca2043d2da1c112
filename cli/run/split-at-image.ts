/** Where `run`'s own flags end: at the first word that is neither a flag nor a flag's value. */

export interface KnownFlag {
  readonly long?: string | undefined;
  readonly short?: string | undefined;
  /** True when the next word is its value. */
  readonly required: boolean;
}

export interface SplitLine {
  readonly flags: readonly string[];
  /** The image and what is for the container, as it stands. */
  readonly rest: readonly string[];
}

export function splitAtImage(known: readonly KnownFlag[], args: readonly string[]): SplitLine {
  let at = 0;
  while (at < args.length) {
    const word = args[at] ?? "";
    if (word === "--") return { flags: args.slice(0, at), rest: args.slice(at + 1) };
    if (!word.startsWith("-") || word === "-") break;
    at += takesNextWord(known, word) ? 2 : 1;
  }
  return { flags: args.slice(0, at), rest: args.slice(at) };
}

function takesNextWord(known: readonly KnownFlag[], word: string): boolean {
  if (word.startsWith("--")) return known.some(({ long, required }) => required && long === word);
  // In a bundle like -itv the value of the first letter that wants one is the rest of the word, or the next word.
  for (let at = 1; at < word.length; at++) {
    const flag = known.find(({ short }) => short === `-${word[at]}`);
    if (flag === undefined) return false;
    if (flag.required) return at === word.length - 1;
  }
  return false;
}
