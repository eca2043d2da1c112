/**
 * Reads a text as BuildKit's shell lexer does: quotes, escapes and variables, and words split at blanks.
 * One instance reads one text once.
 */
import { TsbuildError } from "../../base/errors.js";
import { replaceMatches, trimMatch } from "./value-pattern.js";
import type { Environment, LexerOptions } from "./lexer-options.js";
import { readName } from "./variable-name.js";
import { WordCollector } from "./word-collector.js";
import type { ShellWord } from "./word-collector.js";

/** Longest result, in UTF-16 units: `${A}${A}` over and over must not fill the memory. */
export const LONGEST: number = 1 << 20;
/** `${a:-${b:-…}}` */
const DEEPEST = 100;

export class ShellLexer {
  readonly used: Set<string> = new Set();
  readonly missing: Set<string> = new Set();
  readonly #source: string;
  readonly #env: Environment;
  readonly #options: LexerOptions;
  #at = 0;
  #depth = 0;
  #keepEscapes: boolean;

  constructor(source: string, env: Environment, options: LexerOptions) {
    this.#source = source;
    this.#env = env;
    this.#options = options;
    this.#keepEscapes = options.keepEscapes ?? false;
  }

  /** @throws {TsbuildError} EXPAND_… */
  readWords(): readonly ShellWord[] {
    const words = new WordCollector();
    this.readValue(words);
    return words.finish();
  }

  /** @throws {TsbuildError} EXPAND_… */
  readValue(words?: WordCollector): string {
    try {
      return this.#until(undefined, words);
    } catch (error) {
      throw this.#named(error);
    }
  }

  /** Everything up to `stop`, which is consumed, or to the end of the text. */
  #until(stop: string | undefined, words?: WordCollector): string {
    let result = "";
    while (this.#at < this.#source.length) {
      const start = this.#at;
      const character = this.#source.charAt(start);
      if (character === stop) {
        this.#at++;
        return result;
      }
      const kind = this.#kindOf(character);
      if (kind === "plain") {
        const text = this.#plainRun(stop);
        words?.addPlain(text, start);
        result += text;
      } else {
        const text = this.#special(kind, character);
        const fragment = { text, start, end: this.#at };
        if (kind === "variable") words?.addExpanded(fragment);
        else words?.addQuoted(fragment);
        result += text;
      }
      if (result.length > LONGEST) throw new TsbuildError("EXPAND_TOO_LONG", `the result is longer than ${LONGEST} characters`);
    }
    if (stop !== undefined) throw syntaxError(stop === "/" ? "missing '/' in ${}" : `missing '${stop}'`);
    return result;
  }

  #kindOf(character: string): "plain" | "variable" | "quote" | "escape" | "marker" {
    if (character === "$") return "variable";
    if (character === this.#options.escape) return "escape";
    if ((character === "'" || character === '"') && this.#options.ignoreQuotes !== true) return "quote";
    if (character === "<" && this.#options.joinHeredocMarkers === true) return "marker";
    return "plain";
  }

  #plainRun(stop: string | undefined): string {
    const start = this.#at++;
    while (this.#at < this.#source.length) {
      const character = this.#source.charAt(this.#at);
      if (character === stop || this.#kindOf(character) !== "plain") break;
      this.#at++;
    }
    return this.#source.slice(start, this.#at);
  }

  #special(kind: "variable" | "quote" | "escape" | "marker", character: string): string {
    if (kind === "variable") return this.#variable();
    if (kind === "escape") return this.#escaped();
    if (kind === "marker") return this.#marker();
    return character === "'" ? this.#singleQuoted() : this.#doubleQuoted();
  }

  /** An escape character at the very end escapes nothing and is dropped. */
  #escaped(): string {
    const start = this.#at;
    this.#at = Math.min(start + 2, this.#source.length);
    return this.#source.slice(this.#keepEscapes ? start : start + 1, this.#at);
  }

  #marker(): string {
    const start = this.#at++;
    if (this.#source.charAt(this.#at) !== "<") return "<";
    do this.#at++;
    while (this.#source.charAt(this.#at) === " " || this.#source.charAt(this.#at) === "\t");
    return this.#source.slice(start, this.#at);
  }

  #singleQuoted(): string {
    const start = this.#at;
    const close = this.#source.indexOf("'", start + 1);
    if (close === -1) throw syntaxError("unexpected end of statement: a single quote is not closed");
    this.#at = close + 1;
    return this.#options.rawQuotes === true ? this.#source.slice(start, this.#at) : this.#source.slice(start + 1, close);
  }

  #doubleQuoted(): string {
    const { escape } = this.#options;
    const quote = this.#options.rawQuotes === true ? '"' : "";
    let result = quote;
    this.#at++;
    while (this.#at < this.#source.length) {
      const character = this.#source.charAt(this.#at);
      if (character === '"') {
        this.#at++;
        return result + quote;
      }
      if (character === "$") result += this.#variable();
      else if (character === escape) result += this.#escapedInQuotes();
      else result += this.#quotedRun();
      if (result.length > LONGEST) throw new TsbuildError("EXPAND_TOO_LONG", `the result is longer than ${LONGEST} characters`);
    }
    throw syntaxError("unexpected end of statement: a double quote is not closed");
  }

  #quotedRun(): string {
    const start = this.#at;
    while (this.#at < this.#source.length && !['"', "$", this.#options.escape].includes(this.#source.charAt(this.#at))) this.#at++;
    return this.#source.slice(start, this.#at);
  }

  /** Within double quotes only the quote, the dollar and the escape character can be escaped. */
  #escapedInQuotes(): string {
    const { escape } = this.#options;
    const next = this.#source.charAt(++this.#at);
    if (next !== '"' && next !== "$" && next !== escape) return next === "" && !this.#keepEscapes ? "" : escape;
    this.#at++;
    return this.#keepEscapes ? escape + next : next;
  }

  #variable(): string {
    this.#at++;
    if (this.#source.charAt(this.#at) === "{") return this.#braced();
    const name = this.#name();
    if (name === "") return "$";
    return this.#get(name) ?? (this.#options.keepUnset === true ? `$${name}` : "");
  }

  #braced(): string {
    const first = this.#source.charAt(++this.#at);
    if (first === "") throw syntaxError("missing '}'");
    if ("{}:".includes(first)) throw syntaxError("bad substitution");
    if (++this.#depth > DEEPEST) throw new TsbuildError("EXPAND_TOO_LONG", `more than ${DEEPEST} substitutions lie in one another`);
    const name = this.#name();
    const result = this.#modified(name);
    this.#depth--;
    return result;
  }

  #modified(name: string): string {
    const operator = this.#operator();
    switch (operator) {
      case "}":
        return this.#get(name) ?? (this.#options.keepUnset === true ? `\${${name}}` : "");
      case "-":
      case ":-":
      case "+":
      case ":+":
      case "?":
      case ":?":
        return this.#conditional(name, operator);
      case "#":
      case "%":
        return this.#trimmed(name, operator);
      case "/":
        return this.#replaced(name);
      case "":
        throw syntaxError("missing '}'");
      default:
        throw syntaxError(`unsupported modifier (${operator}) in substitution`);
    }
  }

  #operator(): string {
    const point = this.#source.codePointAt(this.#at);
    if (point === undefined) return "";
    let operator = String.fromCodePoint(point);
    if (operator === ":") operator += this.#source.charAt(this.#at + 1);
    this.#at += operator.length;
    return operator;
  }

  #conditional(name: string, operator: string): string {
    const word = this.#operand("}", false);
    const value = this.#get(name);
    if (value === undefined && this.#options.keepUnset === true) return `\${${name}${operator}${word}}`;
    const counts = value !== undefined && (value !== "" || !operator.startsWith(":"));
    if (operator.endsWith("-")) return counts ? value : word;
    if (operator.endsWith("+")) return counts ? word : "";
    if (counts) return value;
    const reason = value === undefined ? "is not allowed to be unset" : "is not allowed to be empty";
    throw new TsbuildError("EXPAND_REQUIRED", `${name}: ${word === "" ? reason : word}`, {
      hint: `give ${name} a value with ENV, or with ARG and --build-arg`,
    });
  }

  #trimmed(name: string, operator: "#" | "%"): string {
    const isGreedy = this.#source.charAt(this.#at) === operator;
    if (isGreedy) this.#at++;
    const pattern = this.#operand("}", true);
    const value = this.#get(name);
    if (value === undefined && this.#options.keepUnset === true) return `\${${name}${isGreedy ? operator.repeat(2) : operator}${pattern}}`;
    return trimMatch(value ?? "", pattern, { from: operator === "#" ? "start" : "end", isGreedy });
  }

  #replaced(name: string): string {
    const all = this.#source.charAt(this.#at) === "/";
    if (all) this.#at++;
    const pattern = this.#operand("/", true);
    const replacement = this.#operand("}", true);
    const value = this.#get(name);
    if (value === undefined && this.#options.keepUnset === true) return `\${${name}${all ? "//" : "/"}${pattern}/${replacement}}`;
    return replaceMatches(value ?? "", pattern, replacement, { all, length: LONGEST });
  }

  #operand(stop: string, keepEscapes: boolean): string {
    const outer = this.#keepEscapes;
    this.#keepEscapes = keepEscapes;
    const text = this.#until(stop);
    this.#keepEscapes = outer;
    return text;
  }

  #get(name: string): string | undefined {
    const value = this.#env.get(name);
    if (name !== "") (value === undefined ? this.missing : this.used).add(name);
    return value;
  }

  #name(): string {
    const name = readName(this.#source, this.#at);
    this.#at += name.length;
    return name;
  }

  #named(error: unknown): unknown {
    if (!(error instanceof TsbuildError)) return error;
    const source = this.#source.length > 200 ? `${this.#source.slice(0, 200)}…` : this.#source;
    return new TsbuildError(error.code, `cannot expand ${JSON.stringify(source)}: ${error.message}`, { hint: error.hint });
  }
}

function syntaxError(message: string): TsbuildError {
  return new TsbuildError("EXPAND_SYNTAX", message);
}
