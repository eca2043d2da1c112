import type { Vertex } from "../../../llb/graph.js";
import { errorAt } from "../dockerfile-error.js";
import type { StageState } from "../stage-state.js";
import type { StepContext } from "../step.js";
import { partMeta } from "../step-meta.js";

export interface InlineDocument {
  /** The heredoc's word: the file's name. */
  readonly name: string;
  readonly content: string;
  readonly mode: string;
  /** Tells several of one instruction apart. */
  readonly part: string;
}

/**
 * A tree with one file, the body of a heredoc.
 * @throws {TsbuildError} DOCKERFILE_HEREDOC when its word can't be a file's name
 */
export function documentVertex({ name, content, mode, part }: InlineDocument, state: StageState, context: StepContext): Vertex {
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
    throw errorAt(
      context.file,
      context.place.range,
      "DOCKERFILE_HEREDOC",
      `the heredoc's word "${name}" can't be the name of a file`,
      "choose a word without slashes",
    );
  }
  const data = Buffer.from(content).toString("base64");
  const meta = partMeta(state, context, "preparing inline document", part);
  return context.graph.add({ kind: "file", base: false, actions: [{ type: "makeFile", path: `/${name}`, data, mode }] }, [], meta);
}
