/** Hostile files: whatever is in them, compiling ends soon, with a graph or with a TsbuildError. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TsbuildError } from "../../base/errors.js";
import { parsePlatform } from "../../base/platform.js";
import { compileText } from "./request-fixture.js";
import type { CompileRequest } from "./types.js";

async function compileOrRefuse(text: string, changes: Partial<CompileRequest> = {}): Promise<"compiled" | "refused"> {
  try {
    await compileText(text, changes);
    return "compiled";
  } catch (error) {
    if (error instanceof TsbuildError) return "refused";
    throw error;
  }
}

const FLAGS = [
  "--from=one",
  "--from=0",
  "--from=busybox",
  "--from=nobody",
  "--chown=$A",
  "--chmod=7$A",
  "--link",
  "--parents",
  "--exclude=*.md",
  "--mount=target=/x",
  "--mount=type=cache,target=$A",
  "--mount=type=secret,id=s,env=A",
  "--mount=type=ssh",
  "--mount=type=$A,target=b",
  "--network=none",
  "--interval=1s",
  "--platform=$TARGETPLATFORM",
  "--unpack",
  "--checksum=x",
  "--",
];
const WORDS = [
  "busybox",
  "scratch",
  "one",
  "onbuild",
  "configured",
  "$A",
  "${A:-$B}",
  "${A#*}",
  "${A//b/$A}",
  "a=b",
  "A=$A$A",
  'A="x y"',
  "..",
  "/",
  "~",
  "*",
  "[a",
  '["a", "b"]',
  '["$A"]',
  "<<EOF",
  '<<-"E"',
  "80",
  "1-9/udp",
  "https://example.org/$A",
  "git@x:y.git#a:b",
  "https://x.org/a.git?ref=b",
  "AS",
  "one",
  "CMD",
  "NONE",
  "RUN",
  "COPY",
  "root:$A",
  "SIGTERM",
  "\\",
  "'",
  '"',
  "#",
  "=",
  "\u0000",
  "__proto__",
  "constructor=x",
];
const KEYWORDS = [
  "FROM",
  "RUN",
  "COPY",
  "ADD",
  "ENV",
  "ARG",
  "LABEL",
  "WORKDIR",
  "USER",
  "EXPOSE",
  "VOLUME",
  "CMD",
  "ENTRYPOINT",
  "SHELL",
  "STOPSIGNAL",
  "HEALTHCHECK",
  "ONBUILD",
  "MAINTAINER",
  "from",
];

const instruction = fc
  .tuple(
    fc.constantFrom(...KEYWORDS),
    fc.array(fc.constantFrom(...FLAGS), { maxLength: 1 }),
    fc.array(fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...WORDS) }, fc.string({ maxLength: 4 })), { minLength: 1, maxLength: 4 }),
  )
  .map(([keyword, flags, words]) => [keyword, ...flags, ...words].join(" "));
const file = fc
  .array(instruction, { maxLength: 5 })
  .map((lines) =>
    ["FROM busybox AS one", "ARG A=b", ...lines, "EOF", "E"]
      .slice(0, lines.length + (lines.some((line) => line.includes("<<")) ? 4 : 2))
      .join("\n"),
  );

test("any mixture of instructions compiles or is refused", async () => {
  let compiled = 0;
  const targets = [[], [parsePlatform("linux/arm64"), parsePlatform("linux/amd64")]];
  await fc.assert(
    fc.asyncProperty(file, fc.constantFrom(...targets), async (text, platforms) => {
      if ((await compileOrRefuse(text, { platforms })) === "compiled") compiled++;
    }),
    { numRuns: 1500 },
  );
  assert.ok(compiled > 100, `only ${compiled} compiled`);
});

function lines(count: number, line: (n: number) => string): string {
  return Array.from({ length: count }, (_, n) => line(n)).join("\n");
}

/** Each is a second's work at most on a quiet machine. */
const LARGE: Readonly<Record<string, string>> = {
  "stages in a row": lines(20_000, (n) => `FROM ${n === 0 ? "busybox" : `s${n - 1}`} AS s${n}`),
  "stages of one name": lines(20_000, () => "FROM busybox AS s"),
  "stages that are copied from": `${lines(5_000, (n) => `FROM busybox AS s${n}\nRUN ${n}`)}\nFROM busybox\n${lines(5_000, (n) => `COPY --from=s${n} /a /b`)}`,
  "stages on one": `FROM busybox AS one\n${lines(500, (n) => `ENV E${n}=1\nRUN ${n}`)}\n${lines(500, (n) => `FROM one AS s${n}\nENV X=1`)}\nFROM one\n${lines(500, (n) => `COPY --from=s${n} /a /b`)}`,
  variables: `FROM busybox\n${lines(20_000, (n) => `ENV E${n}=${n}`)}\nRUN x`,
  "variables in one instruction": `FROM busybox\nENV ${"a=b ".repeat(150_000)}\nLABEL ${"a=b ".repeat(150_000)}\nARG ${"a=b ".repeat(20_000)}`,
  "one variable again and again": `FROM busybox\n${lines(10_000, (n) => `ENV E=${n}\nRUN x`)}`,
  arguments: `${lines(10_000, (n) => `ARG G${n}=1`)}\nFROM busybox\n${lines(10_000, (n) => `ARG A${n}=${n}`)}\nRUN x`,
  "labels, volumes, ports and triggers": `FROM busybox\n${lines(5_000, (n) => `LABEL L${n}=1\nVOLUME /v${n}\nEXPOSE ${n + 1}\nONBUILD RUN ${n}`)}`,
  sources: `FROM busybox\nCOPY ${"a ".repeat(100_000)} /b/`,
  addresses: `FROM busybox\nADD ${lines(2_000, (n) => `https://example.org/${n}`).replaceAll("\n", " ")} /b/`,
  mounts: `FROM busybox\nRUN ${lines(2_000, (n) => `--mount=type=cache,target=/c${n}`).replaceAll("\n", " ")} x`,
  excludes: `FROM busybox\nCOPY ${"--exclude=a ".repeat(20_000)} . /b`,
  heredocs: `FROM busybox\nRUN ${"<<A ".repeat(5_000)} x\n${"A\n".repeat(5_000)}`,
  "lines of an inline file": `FROM busybox\nCOPY <<A /a\n${"$A ${A:-b} \\$\n".repeat(20_000)}A`,
  "working directories": `FROM busybox\n${lines(10_000, () => "WORKDIR /a")}`,
  "wide ranges of ports": `FROM busybox\n${lines(100, () => "EXPOSE 1-65535")}`,
  "long arguments in history": `FROM busybox\nARG A=${"a".repeat(100_000)}\n${lines(10_000, () => "RUN x")}`,
  "continued lines": `FROM busybox\nRUN x ${"\\\n# comment\n y".repeat(50_000)}`,
};

for (const [what, text] of Object.entries(LARGE)) {
  test(`a file with many ${what} (${text.length} characters) takes time in proportion`, async () => {
    const before = process.cpuUsage();
    await compileOrRefuse(text);
    const { user, system } = process.cpuUsage(before);
    assert.ok((user + system) / 1e6 < 8, `${(user + system) / 1e6} s`);
  });
}
