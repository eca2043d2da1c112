import type { CommandContext } from "../context.js";
import { probe } from "../../executor/probe.js";
import { assess, type Finding, gatherFacts } from "../doctor/assess.js";
import { neutralize } from "../render/text.js";
import { refuseArguments } from "../values/arguments.js";

const HELP = `Usage: tsbuild doctor

Looks at this machine and says what works for tsbuild, what is limited, and what is missing and how to get it.
The exit code is 1 when something is missing that tsbuild can't do without.
`;

const MARKS: Readonly<Record<Finding["state"], string>> = { ok: "ok      ", limited: "limited ", missing: "MISSING " };

export async function run(args: readonly string[], { root, stdout }: CommandContext): Promise<number> {
  if (args.includes("--help")) {
    stdout.write(HELP);
    return 0;
  }
  refuseArguments("doctor", args);
  const findings = assess(gatherFacts(root), await probe());
  stdout.write(findings.map(({ state, topic, text }) => neutralize(`${MARKS[state]} ${topic.padEnd(10)} ${text}\n`)).join(""));
  return findings.some(({ state }) => state === "missing") ? 1 : 0;
}
