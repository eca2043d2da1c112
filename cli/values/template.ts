/** Go's templates as far as command lines use them: fields, pipes, if, with, range, variables, and Docker's functions. */
import { goText, isTrue } from "./go-values.js";
import { FUNCTIONS, LAZY_WORDS, type TemplateFunction } from "./template-functions.js";
import { type Command, invalid, parseTemplate, type Pipe, type TemplateNode, type Term } from "./template-parser.js";

/** Renders one value. @throws {TsbuildError} TEMPLATE_INVALID for a field that the value doesn't have */
export type Template = (value: unknown) => string;

/**
 * Plain objects are structs, in which a missing field is an error; a key that a Map lacks prints as `<no value>`.
 * @throws {TsbuildError} TEMPLATE_INVALID
 */
export function compileTemplate(text: string, functions: ReadonlyMap<string, TemplateFunction> = FUNCTIONS): Template {
  const nodes = parseTemplate(text);
  checkWords(nodes);
  return (value) => new Rendering(value, functions).body(nodes, value);
}

class Rendering {
  readonly #variables: Map<string, unknown>;
  readonly #functions: ReadonlyMap<string, TemplateFunction>;

  constructor(value: unknown, functions: ReadonlyMap<string, TemplateFunction>) {
    this.#variables = new Map([["$", value]]);
    this.#functions = functions;
  }

  body(nodes: readonly TemplateNode[], dot: unknown): string {
    return nodes.map((node) => this.#node(node, dot)).join("");
  }

  #node(node: TemplateNode, dot: unknown): string {
    switch (node.type) {
      case "text":
        return node.text;
      case "print": {
        const value = this.#pipe(node.pipe, dot);
        return node.pipe.variables.length > 0 ? "" : printed(value);
      }
      case "if":
        return this.body(isTrue(this.#pipe(node.pipe, dot)) ? node.body : node.otherwise, dot);
      case "with": {
        const value = this.#pipe(node.pipe, dot);
        return isTrue(value) ? this.body(node.body, value) : this.body(node.otherwise, dot);
      }
      case "range":
        return this.#range(node, dot);
    }
  }

  #range(node: Extract<TemplateNode, { type: "range" }>, dot: unknown): string {
    const entries = entriesOf(this.#pipe({ ...node.pipe, variables: [] }, dot));
    if (entries.length === 0) return this.body(node.otherwise, dot);
    const { variables } = node.pipe;
    return entries
      .map(([key, value]) => {
        if (variables.length === 2 && variables[0] !== undefined) this.#variables.set(variables[0], key);
        const name = variables.at(-1);
        if (name !== undefined) this.#variables.set(name, value);
        return this.body(node.body, value);
      })
      .join("");
  }

  #pipe({ variables, commands }: Pipe, dot: unknown): unknown {
    let value: unknown;
    for (const [index, command] of commands.entries()) value = this.#command(command, dot, index === 0 ? [] : [value]);
    for (const name of variables) this.#variables.set(name, value);
    return value;
  }

  /** `last`: what the command before in the pipe gave. */
  #command({ words: [first, ...rest] }: Command, dot: unknown, last: readonly unknown[]): unknown {
    if (first?.type !== "word") {
      if (rest.length + last.length > 0) throw invalid("can't give argument to non-function");
      return first === undefined ? undefined : this.#term(first, dot);
    }
    if (LAZY_WORDS.has(first.name)) return this.#decide(first.name, rest, dot, last);
    const apply = this.#functions.get(first.name) ?? FUNCTIONS.get(first.name);
    if (apply === undefined) throw unknownWord(first.name);
    return apply([...rest.map((term) => this.#term(term, dot)), ...last]);
  }

  #decide(word: string, terms: readonly Term[], dot: unknown, last: readonly unknown[]): unknown {
    let value: unknown;
    for (const next of [...terms.map((term) => () => this.#term(term, dot)), ...last.map((given) => () => given)]) {
      value = next();
      if (isTrue(value) === (word === "or")) return value;
    }
    return value;
  }

  #term(term: Term, dot: unknown): unknown {
    if (term.type === "literal") return term.value;
    if (term.type === "word") return this.#command({ words: [term] }, dot, []);
    const start = term.from === "dot" ? dot : "pipe" in term.from ? this.#pipe(term.from.pipe, dot) : this.#variable(term.from.variable);
    return term.fields.reduce(fieldOf, start);
  }

  #variable(name: string): unknown {
    if (!this.#variables.has(name)) throw invalid(`undefined variable "${name}"`);
    return this.#variables.get(name);
  }
}

function printed(value: unknown): string {
  if (value === null) return "<no value>";
  return goText(value);
}

function fieldOf(value: unknown, name: string): unknown {
  if (value instanceof Map) return value.get(name);
  if (typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, name)) {
    const entries: readonly (readonly [string, unknown])[] = Object.entries(value);
    return entries.find(([key]) => key === name)?.[1];
  }
  if (value === undefined || value === null) throw invalid(`nil pointer evaluating .${name}`);
  throw invalid(`can't evaluate field ${name}`);
}

function entriesOf(value: unknown): readonly (readonly [unknown, unknown])[] {
  if (Array.isArray(value)) return [...value.entries()];
  if (value instanceof Map) return [...value].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  if (value === null || value === undefined) return [];
  if (typeof value === "number") return Array.from({ length: Math.max(0, value) }, (_, index) => [index, index] as const);
  throw invalid(`range can't iterate over ${goText(value)}`);
}

/** A misspelt function is told before anything is printed. */
function checkWords(nodes: readonly TemplateNode[]): void {
  for (const node of nodes) {
    if (node.type === "text") continue;
    checkPipe(node.pipe);
    if (node.type !== "print") checkWords([...node.body, ...node.otherwise]);
  }
}

function checkPipe({ commands }: Pipe): void {
  for (const term of commands.flatMap(({ words }) => words)) {
    if (term.type === "word" && !FUNCTIONS.has(term.name) && !LAZY_WORDS.has(term.name)) throw unknownWord(term.name);
    if (term.type === "path" && typeof term.from === "object" && "pipe" in term.from) checkPipe(term.from.pipe);
  }
}

function unknownWord(name: string): Error {
  return invalid(`function "${name}" not defined`);
}
