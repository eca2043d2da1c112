import type { BuildWarning } from "../../base/events.js";
import { isPredefined } from "./global-args.js";
import type { StageState } from "./stage-state.js";
import type { StagedFile } from "./stage.js";

/** One warning when build arguments were given that no ARG names. Those that the builder itself reads are left out. */
export function unusedArgs(
  buildArgs: ReadonlyMap<string, string>,
  { globalArgs, stages }: StagedFile,
  states: readonly StageState[],
): BuildWarning[] {
  if (buildArgs.size === 0) return [];
  const declared = new Set(states.flatMap(({ args }) => [...args.toMap().keys()]));
  const ownArgs = stages.flatMap(({ steps }) => steps.map(({ instruction }) => instruction));
  for (const instruction of [...globalArgs, ...ownArgs]) {
    if (instruction.keyword === "ARG") for (const { key } of instruction.pairs) declared.add(key.value);
  }
  const unused = [...buildArgs.keys()].filter((name) => !declared.has(name) && !isPredefined(name)).sort();
  if (unused.length === 0) return [];
  return [
    {
      type: "warning",
      code: "BUILD_ARG_UNUSED",
      message: `One or more build-args [${unused.join(" ")}] were not consumed: no ARG declares them`,
    },
  ];
}
