/** Random instructions that change the image's config only. */
import type { Stage, Step, Writer } from "./generate.js";
import type { Random } from "./random.js";

const WORDS = ["one", "two words", "", "a=b", "tab\tin", "ünï", "50%", "a/b:c", "it's", "#hash", "-x", "*"] as const;
const ENV_NAMES = ["V0", "V1", "V2", "PATH_EXTRA"] as const;

export function randomConfigStep({ random }: Writer, stage: Stage): Step {
  const same = (line: string): Step => ({ line, stage });
  switch (random.between(0, 10)) {
    case 0:
    case 1:
    case 2:
      return randomEnv(random, stage);
    case 3:
      return randomArg(random, stage);
    case 4:
    case 5:
      return same(`LABEL ${random.times(1, 3, () => `${random.pick(LABELS)}=${quoted(random, value(random, stage))}`).join(" ")}`);
    case 6:
      return same(`EXPOSE ${random.times(1, 2, () => random.pick(["80", "8080/tcp", "53/udp", "7000", "${V9:-99}"])).join(" ")}`);
    case 7:
      return same(random.pick(["STOPSIGNAL SIGINT", "STOPSIGNAL 9", "STOPSIGNAL SIGRTMIN+3", "STOPSIGNAL ${SIG:-SIGQUIT}"]));
    case 8:
      return same(random.pick(["VOLUME /vol", 'VOLUME ["/vol/a", "/vol b"]', "VOLUME /vol/$V9 /vol2"]));
    default:
      return same(`${random.pick(["CMD", "ENTRYPOINT"])} ${randomCommand(random)}`);
  }
}

const LABELS = ["l0", "com.example.l1", "l-2", '"l 3"'] as const;

function randomCommand(random: Random): string {
  return random.pick([
    '["a", "b c"]',
    "[]",
    "echo $V0 && true",
    '["/bin/sh", "-c", "echo \\"x\\" \\u00e9"]',
    "exec  two  blanks",
    "['not', 'json']",
  ]);
}

function randomEnv(random: Random, stage: Stage): Step {
  const names = random.some(ENV_NAMES, random.between(1, 3));
  const line =
    names.length === 1 && random.chance(0.25)
      ? `ENV ${names[0]} ${random.pick(["old form", "a  b", "x=$V1", '"q" r', "a\\ b"])}`
      : `ENV ${names.map((name) => `${name}=${quoted(random, value(random, stage))}`).join(" ")}`;
  return { line, stage: { ...stage, variables: [...new Set([...stage.variables, ...names])] } };
}

function randomArg(random: Random, stage: Stage): Step {
  const name = `A${random.between(0, 2)}`;
  const line = `ARG ${name}${random.chance(0.7) ? `=${quoted(random, random.pick(["def", "with blank", "$V0", ""]))}` : ""}`;
  return { line, stage: { ...stage, variables: [...new Set([...stage.variables, name])] } };
}

/** A text for a value, in which variables may be expanded. */
function value(random: Random, stage: Stage): string {
  const word = random.pick(WORDS);
  if (random.chance(0.5)) return word;
  return `${word}${reference(random, random.pick([...stage.variables, "V9"]))}`;
}

function reference(random: Random, name: string): string {
  return random.pick([`$${name}`, `\${${name}}`, `\${${name}:-fall back}`, `\${${name}:+set}`, `\${${name}:-\${V0}}`]);
}

/** The text as one word of an instruction. */
function quoted(random: Random, text: string): string {
  switch (random.between(0, 3)) {
    case 0:
      return `"${text}"`;
    case 1:
      return text.includes("'") ? `"${text}"` : `'${text}'`;
    default:
      return /^[\w/:.%*${}+=-]+$/.test(text) ? text : `"${text}"`;
  }
}
