import type { Flag } from "./ast.js";
import type { Token } from "./grammar.js";
import type { LogicalLine } from "./logical-line.js";

/** A `--name`, `--name=value` or `--name="a value"`; quotes and backslashes are taken away. */
export function makeFlag(line: LogicalLine, token: Token): Flag {
  const start = token.startOffset;
  const end = start + token.image.length;
  const { text, equalsAt } = unquote(token.image);
  const range = line.range(start, end);
  if (equalsAt === undefined) return { name: text.slice(2), value: undefined, range, nameRange: line.range(start + 2, end) };
  const split = text.indexOf("=");
  return {
    name: text.slice(2, split),
    value: { value: text.slice(split + 1), range: line.range(start + equalsAt + 1, end) },
    range,
    nameRange: line.range(start + 2, start + equalsAt),
  };
}

/** `equalsAt` is where the first equals sign stands in the quoted text. */
function unquote(image: string): { readonly text: string; readonly equalsAt: number | undefined } {
  let text = "";
  let quote = "";
  let equalsAt: number | undefined;
  for (let at = 0; at < image.length; at++) {
    let character = image.charAt(at);
    if (character === quote) {
      quote = "";
      continue;
    }
    if (quote === "" && (character === '"' || character === "'")) {
      quote = character;
      continue;
    }
    if (character === "\\") character = image.charAt(++at);
    if (character === "=") equalsAt ??= at;
    text += character;
  }
  return { text, equalsAt };
}
