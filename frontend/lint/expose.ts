import { eachInstruction, expandedIn } from "./stage-walk.js";
import type { Finding, RuleFamily } from "./types.js";

const CASING = { name: "ExposeProtoCasing", description: "The protocol in EXPOSE should be written in lower case" };
const FORMAT = {
  name: "ExposeInvalidFormat",
  description: "EXPOSE should name the container's port alone: addresses and host ports mean nothing there",
};

export const EXPOSE: RuleFamily = {
  rules: [CASING, FORMAT],
  check: (facts) =>
    eachInstruction(facts, (instruction, before): Finding[] => {
      if (instruction.keyword !== "EXPOSE") return [];
      const specs = instruction.words.flatMap((word) =>
        (expandedIn(word, before, facts.file.escape)?.value ?? "").split(/\s+/).filter((spec) => spec !== ""),
      );
      return specs.flatMap((spec) => findingsOf(spec).map(([rule, message]) => ({ rule, message, range: instruction.range })));
    }),
};

/** `[[address:]hostPort:]port[/protocol]` */
function findingsOf(spec: string): readonly (readonly [rule: string, message: string])[] {
  const colon = spec.lastIndexOf(":");
  const [port = "", protocol = ""] = spec.slice(colon + 1).split("/");
  const isPublishing = colon > 0 && spec.slice(0, colon).replaceAll(":", "") !== "";
  return [
    ...(protocol === protocol.toLowerCase() ? [] : [[CASING.name, `The protocol of ${spec} should be in lower case`] as const]),
    ...(isPublishing
      ? [[FORMAT.name, `EXPOSE ${spec} should be EXPOSE ${port}: what the host publishes is said when the container is run`] as const]
      : []),
  ];
}
