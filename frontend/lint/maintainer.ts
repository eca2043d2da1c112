import { eachInstruction } from "./stage-walk.js";
import type { RuleFamily } from "./types.js";

const RULE = { name: "MaintainerDeprecated", description: "MAINTAINER is deprecated: a label should name the author" };

export const MAINTAINER: RuleFamily = {
  rules: [RULE],
  check: (facts) =>
    eachInstruction(facts, ({ keyword, range }) =>
      keyword === "MAINTAINER"
        ? [{ rule: RULE.name, message: "MAINTAINER is deprecated; write LABEL org.opencontainers.image.authors=…", range }]
        : [],
    ),
};
