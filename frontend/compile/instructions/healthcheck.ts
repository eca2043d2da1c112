import type { Healthcheck } from "../../../image/types.js";
import type { HealthcheckInstruction, Word } from "../../syntax/ast.js";
import { errorAt, locating } from "../dockerfile-error.js";
import { type Flags, readFlags } from "../flags.js";
import { formatDuration, goList, parseDuration } from "../go-format.js";
import { withConfig, withHistory } from "../stage-state.js";
import type { Origin, Step } from "../step.js";
import { metadataStep } from "./metadata-step.js";

const FLAGS = { interval: "text", timeout: "text", "start-period": "text", "start-interval": "text", retries: "text" } as const;
const SHORTEST_NANOSECONDS = 1e6;

/** `HEALTHCHECK [flags] CMD command`, or `HEALTHCHECK NONE` against one of the base. */
export function readHealthcheck(instruction: HealthcheckInstruction, origin: Origin): Step {
  const flags = readFlags(instruction, FLAGS, origin);
  const check = readCheck(instruction, flags, origin);
  return metadataStep(instruction, (state) =>
    withHistory(withConfig(state, { Healthcheck: check }), `HEALTHCHECK ${healthcheckText(check)}`, { hasLayer: false }),
  );
}

function readCheck(instruction: HealthcheckInstruction, flags: Flags, origin: Origin): Healthcheck {
  if (instruction.type.value !== "NONE") return { Test: testOf(instruction), ...readTimes(flags, origin) };
  const flag = instruction.flags[0];
  if (flag === undefined) return { Test: ["NONE"] };
  throw errorAt(origin.file, flag.range, "DOCKERFILE_HEALTHCHECK", "HEALTHCHECK NONE takes no flags");
}

function testOf({ command }: HealthcheckInstruction): string[] {
  const words = command.words.map(({ value }) => value);
  return [command.form === "exec" ? "CMD" : "CMD-SHELL", ...words];
}

/** Those that are zero are left out, as in Docker's JSON. */
function readTimes(flags: Flags, origin: Origin): Omit<Healthcheck, "Test"> {
  const time = (name: string): number => durationOf(name, flags.text(name), origin);
  const times = {
    Interval: time("interval"),
    Timeout: time("timeout"),
    StartPeriod: time("start-period"),
    StartInterval: time("start-interval"),
    Retries: retriesOf(flags.text("retries"), origin),
  };
  return Object.fromEntries(Object.entries(times).filter(([, value]) => value !== 0));
}

function durationOf(name: string, word: Word | undefined, { file }: Origin): number {
  if (word === undefined || word.value === "") return 0;
  const nanoseconds = locating(file, word.range, () => parseDuration(word.value));
  if (nanoseconds < 0) throw errorAt(file, word.range, "DOCKERFILE_HEALTHCHECK", `--${name} cannot be negative (${word.value})`);
  if (nanoseconds > 0 && nanoseconds < SHORTEST_NANOSECONDS)
    throw errorAt(file, word.range, "DOCKERFILE_HEALTHCHECK", `--${name} cannot be less than 1ms (${word.value})`);
  return nanoseconds;
}

function retriesOf(word: Word | undefined, { file }: Origin): number {
  if (word === undefined || word.value === "") return 0;
  const retries = Number(word.value);
  if (!/^[+-]?\d+$/.test(word.value))
    throw errorAt(file, word.range, "DOCKERFILE_HEALTHCHECK", `--retries must be a number, not "${word.value}"`);
  if (retries < 0) throw errorAt(file, word.range, "DOCKERFILE_HEALTHCHECK", `--retries cannot be negative (${retries})`);
  return retries;
}

function healthcheckText({ Test, Interval, Timeout, StartPeriod, StartInterval, Retries }: Healthcheck): string {
  const time = (value: number | undefined): string => formatDuration(value ?? 0);
  return `{Test:${goList(Test ?? [])} Interval:${time(Interval)} Timeout:${time(Timeout)} StartPeriod:${time(StartPeriod)} StartInterval:${time(StartInterval)} Retries:${Retries ?? 0}}`;
}
