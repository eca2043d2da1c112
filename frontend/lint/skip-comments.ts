/** `# check=skip=RULE` right above an instruction, among its other comments: not for this one. */
import { TsbuildError } from "../../base/errors.js";
import type { DockerfileAst, Instruction } from "../syntax/ast.js";
import { includes, parseLintOptions } from "./options.js";
import type { Finding } from "./types.js";

const FOR_US = /^check\s*=/;

export class SkipComments {
  readonly #ast: DockerfileAst;
  readonly #comments: ReadonlyMap<number, string>;
  readonly #hasAny: boolean;

  constructor(ast: DockerfileAst) {
    this.#ast = ast;
    this.#comments = new Map(ast.comments.map(({ text, range }) => [range.start.line, text]));
    this.#hasAny = ast.comments.some(({ text }) => FOR_US.test(text));
  }

  covers({ rule, range }: Finding): boolean {
    if (!this.#hasAny) return false;
    const { line } = range.start;
    const instruction = this.#instructionAt(line);
    return instruction !== undefined && this.#textsAbove(instruction).some((text) => skips(text, rule));
  }

  /** The last that begins at the line or above. */
  #instructionAt(line: number): Instruction | undefined {
    const { instructions } = this.#ast;
    let low = 0;
    let high = instructions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((instructions[middle]?.range.start.line ?? 0) <= line) low = middle + 1;
      else high = middle;
    }
    return instructions[low - 1];
  }

  *#linesAbove(instruction: Instruction): Generator<string> {
    for (let line = instruction.range.start.line - 1; ; line--) {
      const text = this.#comments.get(line);
      if (text === undefined) return;
      yield text;
    }
  }

  #textsAbove(instruction: Instruction): readonly string[] {
    return [...this.#linesAbove(instruction)].filter((text) => FOR_US.test(text));
  }
}

/** A comment that only looks like one for us is a comment. */
function skips(text: string, rule: string): boolean {
  try {
    return includes(parseLintOptions(text.slice(text.indexOf("=") + 1)).skip, rule);
  } catch (error) {
    if (error instanceof TsbuildError) return false;
    throw error;
  }
}
