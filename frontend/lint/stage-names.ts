import type { Finding, RuleFamily } from "./types.js";

const DUPLICATE = { name: "DuplicateStageName", description: "Each stage should have a name of its own" };
const RESERVED = { name: "ReservedStageName", description: "Names that mean something else should not name stages" };

const RESERVED_NAMES: ReadonlySet<string> = new Set(["scratch", "context"]);

export const STAGE_NAMES: RuleFamily = {
  rules: [DUPLICATE, RESERVED],
  check: ({ file }) => {
    const seen = new Set<string>();
    return file.stages.flatMap(({ from: { stageName: name, instruction } }): Finding[] => {
      if (name === undefined) return [];
      const isSecond = seen.has(name);
      seen.add(name);
      return [
        ...(RESERVED_NAMES.has(name)
          ? [
              {
                rule: RESERVED.name,
                message: `Stage name "${name}" is reserved: it has another meaning in FROM and --from`,
                range: instruction.range,
              },
            ]
          : []),
        ...(isSecond
          ? [
              {
                rule: DUPLICATE.name,
                message: `Stage name "${name}" is used twice: later instructions see only the last`,
                range: instruction.range,
              },
            ]
          : []),
      ];
    });
  },
};
