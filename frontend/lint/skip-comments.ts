/** `# check=skip=RULE` right above an instruction, among its other comments: not for this one. */
import { TsbuildError } from "../../base/errors.js";
import type { DockerfileAst, Instruction } from "../syntax/ast.js";
import { includes, parseLintOptions } from "./options.js";
import type { Finding } from "./types.js";

export class SkipComments {
  readonly #ast: DockerfileAst;
  readonly #comments: ReadonlyMap<number, string>;

  constructor(ast: DockerfileAst) {
    this.#ast = ast;
    this.#comments = new Map(ast.comments.map(({ text, range }) => [range.start.line, text]));
  }

  covers({ rule, range }: Finding): boolean {
    const { line } = range.start;
    const instruction = this.#ast.instructions.findLast((one) => one.range.start.line <= line && line <= one.range.end.line);
    return instruction !== undefined && this.#textsAbove(instruction).some((text) => skips(text, rule));
  }

  *#linesAbove(instruction: Instruction): Generator<string> {
    for (let line = instruction.range.start.line - 1; ; line--) {
      const text = this.#comments.get(line);
      if (text === undefined) return;
      yield text;
    }
  }

  #textsAbove(instruction: Instruction): readonly string[] {
    return [...this.#linesAbove(instruction)].filter((text) => /^check\s*=/.test(text));
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
