/** Go's text/template as text: `{{range .Items}}{{.Name}}{{end}}` becomes a tree. The words that it knows are in template.ts. */
import { TsbuildError } from "../../base/errors.js";

export type TemplateNode =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "print"; readonly pipe: Pipe }
  | {
      readonly type: "if" | "with";
      readonly pipe: Pipe;
      readonly body: readonly TemplateNode[];
      readonly otherwise: readonly TemplateNode[];
    }
  | { readonly type: "range"; readonly pipe: Pipe; readonly body: readonly TemplateNode[]; readonly otherwise: readonly TemplateNode[] };

/** `$name := a | b`: each command gets the value of the one before as its last argument. */
export interface Pipe {
  /** Variables that it sets; of a range perhaps two. */
  readonly variables: readonly string[];
  readonly commands: readonly Command[];
}

export interface Command {
  readonly words: readonly Term[];
}

export type Term =
  | { readonly type: "literal"; readonly value: string | number | boolean | null }
  | { readonly type: "word"; readonly name: string }
  /** `.A.B`, `$x.A`, `(…).A`. */
  | {
      readonly type: "path";
      readonly from: "dot" | { readonly variable: string } | { readonly pipe: Pipe };
      readonly fields: readonly string[];
    };

type Piece =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "action"; readonly tokens: readonly string[]; readonly source: string };

/** @throws {TsbuildError} TEMPLATE_INVALID */
export function parseTemplate(text: string): readonly TemplateNode[] {
  const reader = new Reader(pieces(text));
  const { nodes, end } = reader.body();
  if (end !== undefined) throw invalid(`unexpected {{${end}}}`);
  return nodes;
}

export function invalid(problem: string): TsbuildError {
  return new TsbuildError("TEMPLATE_INVALID", `template parsing error: ${problem}`, {
    hint: "templates are Go's: {{.ID}}, {{json .}}, {{range .Items}}…{{end}}",
  });
}

/** Splits at `{{` and `}}`; a `-` inside trims the blanks outside. */
function pieces(text: string): readonly Piece[] {
  const found: Piece[] = [];
  let at = 0;
  let trims = false;
  for (;;) {
    const open = text.indexOf("{{", at);
    const plain = text.slice(at, open === -1 ? text.length : open);
    const trimsBefore = open !== -1 && /^\{\{-\s/.test(text.slice(open, open + 4));
    const kept = trimEnds(plain, trims, trimsBefore);
    if (kept !== "") found.push({ type: "text", text: kept });
    if (open === -1) return found;
    const { tokens, end, trimsAfter } = actionAt(text, open + 2 + (trimsBefore ? 2 : 0));
    trims = trimsAfter;
    if (tokens.length > 0) found.push({ type: "action", tokens, source: text.slice(open, end) });
    at = end;
  }
}

function trimEnds(text: string, start: boolean, end: boolean): string {
  const front = start ? text.trimStart() : text;
  return end ? front.trimEnd() : front;
}

const TOKEN = /\s+|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)'|:=|[|(),=]|[+-]?\d+(?:\.\d+)?|\$[\w]*|\.[A-Za-z_]\w*|\.|[A-Za-z_]\w*/y;

/** Blanks are kept as a token: `.A .B` are two values and `.A.B` is one. */
function actionAt(text: string, start: number): { readonly tokens: readonly string[]; readonly end: number; readonly trimsAfter: boolean } {
  const comment = /\/\*[\s\S]*?\*\/\s*(-?)\}\}/y;
  comment.lastIndex = start;
  const commented = comment.exec(text);
  if (commented !== null) return { tokens: [], end: comment.lastIndex, trimsAfter: commented[1] === "-" };
  const tokens: string[] = [];
  let at = start;
  while (at < text.length) {
    const closes = /\s+-\}\}|\}\}/y;
    closes.lastIndex = at;
    const close = closes.exec(text);
    if (close !== null) {
      if (tokens.every((token) => token.trim() === "")) throw invalid("missing value for command");
      return { tokens, end: closes.lastIndex, trimsAfter: close[0] !== "}}" };
    }
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) throw invalid(`unexpected ${JSON.stringify(text[at])} in ${JSON.stringify(text.slice(start, start + 40))}`);
    tokens.push(token);
    at = TOKEN.lastIndex;
  }
  throw invalid("unclosed action");
}

class Reader {
  readonly #pieces: readonly Piece[];
  #at = 0;

  constructor(all: readonly Piece[]) {
    this.#pieces = all;
  }

  /** Up to an `end` or `else` that isn't its own. */
  body(): { readonly nodes: readonly TemplateNode[]; readonly end: string | undefined; readonly rest: readonly string[] } {
    const nodes: TemplateNode[] = [];
    for (let piece = this.#pieces[this.#at++]; piece !== undefined; piece = this.#pieces[this.#at++]) {
      if (piece.type === "text") {
        nodes.push(piece);
        continue;
      }
      const tokens = piece.tokens[0]?.trim() === "" ? piece.tokens.slice(1) : piece.tokens;
      const [word = "", ...rest] = tokens;
      if (word === "end" || word === "else") return { nodes, end: word, rest };
      nodes.push(
        word === "if" || word === "with" || word === "range" ? this.#block(word, rest) : { type: "print", pipe: parsePipe(tokens) },
      );
    }
    return { nodes, end: undefined, rest: [] };
  }

  #block(type: "if" | "with" | "range", tokens: readonly string[]): TemplateNode {
    const pipe = parsePipe(tokens);
    const { nodes: body, end, rest } = this.body();
    if (end === undefined) throw invalid(`{{${type}}} has no {{end}}`);
    return { type, pipe, body, otherwise: end === "else" ? this.#otherwise(type, rest) : [] };
  }

  #otherwise(type: string, tokens: readonly string[]): readonly TemplateNode[] {
    const [word, ...rest] = tokens.filter((token, index) => index > 0 || token.trim() !== "");
    if (word === "if" || word === "with") return [this.#block(word, rest)];
    const { nodes, end } = this.body();
    if (end !== "end") throw invalid(`{{else}} of {{${type}}} has no {{end}}`);
    return nodes;
  }
}

function parsePipe(tokens: readonly string[]): Pipe {
  const cursor = new Cursor(tokens);
  const pipe = readPipe(cursor);
  if (cursor.peek() !== undefined) throw invalid(`unexpected ${JSON.stringify(cursor.peek())}`);
  return pipe;
}

class Cursor {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  next(): string | undefined {
    return this.#tokens[this.#at++];
  }

  skipBlanks(): void {
    while (this.peek()?.trim() === "") this.#at++;
  }

  /** What `read` finds, or nothing taken at all. */
  attempt<T>(read: () => T | undefined): T | undefined {
    const before = this.#at;
    const found = read();
    if (found === undefined) this.#at = before;
    return found;
  }
}

function readPipe(cursor: Cursor): Pipe {
  const variables = cursor.attempt(() => readVariables(cursor)) ?? [];
  const commands: Command[] = [readCommand(cursor)];
  while (cursor.peek() === "|") {
    cursor.next();
    commands.push(readCommand(cursor));
  }
  return { variables, commands };
}

/** `$x :=`, `$i, $x :=`, `$x =`. */
function readVariables(cursor: Cursor): readonly string[] | undefined {
  const names: string[] = [];
  for (;;) {
    cursor.skipBlanks();
    const name = cursor.next();
    if (name === undefined || !/^\$\w+$/.test(name)) return undefined;
    names.push(name);
    cursor.skipBlanks();
    const sign = cursor.next();
    if (sign === ":=" || sign === "=") return names;
    if (sign !== ",") return undefined;
  }
}

function readCommand(cursor: Cursor): Command {
  const words: Term[] = [];
  for (;;) {
    cursor.skipBlanks();
    const token = cursor.peek();
    if (token === undefined || token === "|" || token === ")") break;
    words.push(readTerm(cursor));
  }
  if (words.length === 0) throw invalid("missing value for command");
  return { words };
}

function readTerm(cursor: Cursor): Term {
  const token = cursor.next() ?? "";
  if (token === "(") {
    const pipe = readPipe(cursor);
    if (cursor.next() !== ")") throw invalid("unclosed left paren");
    return { type: "path", from: { pipe }, fields: readFields(cursor) };
  }
  if (token === ".") return { type: "path", from: "dot", fields: readFields(cursor) };
  if (token.startsWith(".")) return { type: "path", from: "dot", fields: [token.slice(1), ...readFields(cursor)] };
  if (token.startsWith("$")) return { type: "path", from: { variable: token }, fields: readFields(cursor) };
  return literal(token);
}

function readFields(cursor: Cursor): readonly string[] {
  const fields: string[] = [];
  while (/^\.\w/.test(cursor.peek() ?? "")) fields.push((cursor.next() ?? "").slice(1));
  return fields;
}

function literal(token: string): Term {
  if (token.startsWith("`")) return { type: "literal", value: token.slice(1, -1) };
  if (token.startsWith('"')) return { type: "literal", value: unquoted(token) };
  if (token.startsWith("'")) return { type: "literal", value: unquoted(`"${token.slice(1, -1)}"`).codePointAt(0) ?? 0 };
  if (/^[+-]?\d/.test(token)) return { type: "literal", value: Number(token) };
  if (token === "true" || token === "false") return { type: "literal", value: token === "true" };
  if (token === "nil") return { type: "literal", value: null };
  if (/^[A-Za-z_]\w*$/.test(token)) return { type: "word", name: token };
  throw invalid(`unexpected ${JSON.stringify(token)}`);
}

function unquoted(token: string): string {
  try {
    const text: unknown = JSON.parse(token.replaceAll("\\'", "'"));
    if (typeof text === "string") return text;
  } catch {
    // falls through: the same error for all
  }
  throw invalid(`${token} is not a string`);
}
