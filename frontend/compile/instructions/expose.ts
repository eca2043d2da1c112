import type { WordsInstruction } from "../../syntax/ast.js";
import { locating } from "../dockerfile-error.js";
import { refuseFlags } from "../flags.js";
import { goList } from "../go-format.js";
import { withHistory, withPorts } from "../stage-state.js";
import type { Origin, Step } from "../step.js";
import { expandedWords } from "../words.js";
import { metadataStep } from "./metadata-step.js";
import { exposedPorts } from "./ports.js";

/** `EXPOSE 80 443/tcp 7000-7003/udp`: ports the image listens on. */
export function readExpose(instruction: WordsInstruction, origin: Origin): Step {
  refuseFlags(instruction, origin);
  return metadataStep(instruction, (state) => {
    const specs = instruction.words.flatMap((word) =>
      expandedWords(word, state, origin).flatMap((spec) => locating(origin.file, word.range, () => exposedPorts(spec))),
    );
    const ports = [...new Set(specs)].sort();
    return withHistory(withPorts(state, ports), `EXPOSE ${goList(ports)}`, { hasLayer: false });
  });
}
