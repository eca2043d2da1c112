/** Reads what `--progress=rawjson` and `--progress=plain` print. */
import { Buffer } from "node:buffer";

/** What can be seen from outside: a step that was not needed or not reached never started. */
export type SeenOutcome = "CACHED" | "RAN" | "FAILED" | "UNFINISHED" | "NOT STARTED";

export interface Step {
  readonly name: string;
  readonly outcome: SeenOutcome;
  readonly error?: string | undefined;
  /** stdout and stderr, in the order in which they came. */
  readonly log: string;
}

interface RawVertex {
  readonly digest: string;
  readonly name: string;
  readonly started?: string;
  readonly completed?: string;
  readonly cached?: boolean;
  readonly error?: string;
}

interface RawStatus {
  readonly vertexes?: readonly RawVertex[];
  readonly logs?: readonly { readonly vertex: string; readonly data: string }[];
}

/** The steps in the order in which they became known. Lines that are not JSON are passed over: the error comes as text. */
export function parseRawJson(text: string): readonly Step[] {
  const vertices = new Map<string, RawVertex>();
  const logs = new Map<string, string>();
  for (const line of text.split("\n").filter((candidate) => candidate.startsWith("{"))) {
    const status = JSON.parse(line) as RawStatus;
    for (const vertex of status.vertexes ?? []) vertices.set(vertex.digest, vertex);
    for (const { vertex, data } of status.logs ?? []) {
      logs.set(vertex, (logs.get(vertex) ?? "") + Buffer.from(data, "base64").toString("utf8"));
    }
  }
  return [...vertices.values()].map((vertex) => ({
    name: vertex.name,
    outcome: outcomeOf(vertex),
    error: vertex.error,
    log: logs.get(vertex.digest) ?? "",
  }));
}

function outcomeOf({ started, completed, cached, error }: RawVertex): SeenOutcome {
  if (started === undefined) return "NOT STARTED";
  if (error !== undefined) return "FAILED";
  if (cached === true) return "CACHED";
  return completed === undefined ? "UNFINISHED" : "RAN";
}

/** `#3 why: src/a.ts changed` by the name of step 3. */
export function parseReasons(plain: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const reasons = new Map<string, string>();
  for (const line of plain.split("\n")) {
    const [, number, text] = /^#(\d+) (.*)$/.exec(line) ?? [];
    if (number === undefined || text === undefined) continue;
    const name = names.get(number);
    if (name === undefined) names.set(number, text);
    else if (text.startsWith("why: ")) reasons.set(name, text.slice("why: ".length));
  }
  return reasons;
}

/** The one step whose name contains `part`. */
export function stepNamed(steps: readonly Step[], part: string): Step {
  const found = steps.filter((step) => step.name.includes(part));
  const [step] = found;
  if (step === undefined || found.length > 1) {
    throw new Error(`${found.length} steps are named like "${part}"; there are: ${steps.map(({ name }) => name).join(" | ")}`);
  }
  return step;
}
