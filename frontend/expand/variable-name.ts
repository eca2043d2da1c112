const SPECIAL_PARAMETERS = "@*#?-$!0";
const DIGITS = /\p{Nd}+/uy;
const NAME = /[\p{L}\p{Nd}_]+/uy;

/** The name of a variable at `at`: letters, digits and `_`; or digits alone; or one of the shell's special characters. Else empty. */
export function readName(source: string, at: number): string {
  const digits = matchAt(DIGITS, source, at);
  if (digits !== "") return digits;
  const first = source.charAt(at);
  if (first !== "" && SPECIAL_PARAMETERS.includes(first)) return first;
  return matchAt(NAME, source, at);
}

function matchAt(pattern: RegExp, source: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0] ?? "";
}
