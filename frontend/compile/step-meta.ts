import type { VertexMeta } from "../../llb/graph.js";
import { keptByVariables } from "./kept.js";
import { type StageState, visibleArgs } from "./stage-state.js";
import type { StepContext } from "./step.js";

const argsOf = keptByVariables((state): readonly string[] => visibleArgs(state).map(([name, value]) => `${name}=${value}`));

/** For the vertex that is the step: `[build 2/5] RUN make`. Its number is the one after those done. */
export function stepMeta(state: StageState, context: StepContext, text: string): VertexMeta {
  return { ...partMeta(state, context, text, ""), name: `${stepPrefix(state, context)}${text}`, isInternal: false };
}

/** For a vertex that an instruction needs beside its own; `part` tells several of one instruction apart. */
export function partMeta(state: StageState, context: StepContext, text: string, part: string): VertexMeta {
  const { place, file } = context;
  const args = argsOf(state);
  return {
    name: `[internal] ${text}`,
    location: { file, ranges: [place.range] },
    stage: place.stage,
    place: part === "" ? place.key : `${place.key}/${part}`,
    ignoreCache: place.ignoreCache,
    isInternal: true,
    ...(args.length === 0 ? {} : { args }),
  };
}

/** `[linux/arm64 build  2/12] `: the number is padded, so that names of a stage stand below each other. */
export function stepPrefix(state: StageState, { place, shownPlatform }: StepContext): string {
  const total = String(place.stepCount);
  const number = String(state.stepsDone + 1).padStart(total.length);
  const words = [shownPlatform ?? "", place.shownStage, `${number}/${total}`];
  return `[${words.filter((word) => word !== "").join(" ")}] ${place.isTrigger ? "ONBUILD " : ""}`;
}
