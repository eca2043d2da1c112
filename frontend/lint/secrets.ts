import { eachInstruction } from "./stage-walk.js";
import type { Finding, RuleFamily } from "./types.js";

const RULE = { name: "SecretsUsedInArgOrEnv", description: "ARG and ENV should not hold secrets: they stay in the image and its history" };

/** Words of a name, between underscores. */
const SECRET_WORDS: ReadonlySet<string> = new Set([
  "apikey",
  "auth",
  "credential",
  "credentials",
  "key",
  "password",
  "pword",
  "passwd",
  "secret",
  "token",
]);
/** Names with these say where a secret lies or something about it, or that it is none. */
const HARMLESS_WORDS: ReadonlySet<string> = new Set(["public", "file", "version"]);

export const SECRETS: RuleFamily = {
  rules: [RULE],
  check: (facts) =>
    eachInstruction(facts, (instruction): Finding[] => {
      if (instruction.keyword !== "ARG" && instruction.keyword !== "ENV") return [];
      const names = instruction.pairs.map(({ key }) => key.value).filter(soundsSecret);
      return names.map((name) => ({
        rule: RULE.name,
        message: `${instruction.keyword} ${name} sounds like a secret and would stay in the image; use RUN --mount=type=secret`,
        range: instruction.range,
      }));
    }),
};

export function soundsSecret(name: string): boolean {
  const words = name.toLowerCase().split("_");
  return words.some((word) => SECRET_WORDS.has(word)) && !words.some((word) => HARMLESS_WORDS.has(word));
}
