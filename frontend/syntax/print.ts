/** An AST as the text of a Dockerfile again, one line for each instruction. */
import type { DockerfileAst, Heredoc, Instruction } from "./ast.js";

/**
 * A Dockerfile that parses to the same instructions, directives and escape character. Comments, blank lines and the
 * places where lines were broken are gone.
 */
export function printDockerfile({ directives, escape, instructions, file }: DockerfileAst): string {
  const head = directives.map(({ name, value }) => `# ${name}=${value}\n`);
  return [...head, ...instructions.map((instruction) => `${lineOf(instruction, escape)}${bodiesOf(instruction, file.text)}\n`)].join("");
}

/**
 * An escape character at the end of what was joined would join the next line too: a form feed keeps it from that, since
 * only spaces and tabs may stand behind one that joins, while every blank is cut off the line.
 */
function lineOf({ original }: Instruction, escape: string): string {
  return original.endsWith(escape) && !original.endsWith(escape + escape) ? `${original}\f` : original;
}

function bodiesOf(instruction: Instruction, source: string): string {
  return heredocsOf(instruction)
    .map(({ contentRange: { start, end }, name }) => `\n${source.slice(start.offset, end.offset)}${name}`)
    .join("");
}

/** In the order of their bodies. */
function heredocsOf(instruction: Instruction): readonly Heredoc[] {
  if (instruction.keyword === "ONBUILD") return heredocsOf(instruction.trigger);
  return "heredocs" in instruction ? instruction.heredocs : [];
}
