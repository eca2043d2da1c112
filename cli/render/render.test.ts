import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import type { BuildEvent } from "../../base/events.js";
import { type Display, progressMode, type TextSink } from "./display.js";
import { renderError } from "./error.js";
import { FailureWatch } from "./failure.js";
import { LineSplitter } from "./line-splitter.js";
import { PlainDisplay } from "./plain.js";
import { RawJsonDisplay } from "./rawjson.js";
import { bytes, clip, duration, neutralize } from "./text.js";
import { TtyDisplay } from "./tty.js";

const A = digestOf("a");
const B = digestOf("b");
const C = digestOf("c");
const known = (vertex: typeof A, name: string): BuildEvent => ({ type: "step-known", vertex, name, inputs: [], isInternal: false });
const output = (vertex: typeof A, text: string, atMs: number): BuildEvent => ({
  type: "step-output",
  vertex,
  stream: 1,
  data: Buffer.from(text),
  atMs,
});

/** A is cached, B runs and says something, C fails. */
const EVENTS: readonly BuildEvent[] = [
  known(A, "[build 1/3] WORKDIR /x"),
  known(B, "[build 2/3] RUN make"),
  known(C, "[build 3/3] RUN false"),
  { type: "step-ended", vertex: A, outcome: "CACHED", atMs: 1000 },
  { type: "step-started", vertex: B, atMs: 1000, reason: "src/a.ts changed" },
  output(B, "one\ntw", 1500),
  output(B, "o\n\u001b]0;title\u0007\u001b[31mred\u001b[0m\n", 1750),
  { type: "step-ended", vertex: B, outcome: "RAN", atMs: 2250 },
  { type: "step-started", vertex: C, atMs: 2250 },
  output(C, "no line feed", 2300),
  { type: "step-ended", vertex: C, outcome: "FAILED", atMs: 2400, error: "exit code: 1", logPath: "/store/log" },
  { type: "warning", code: "Rule", message: "beware" },
];

class Sink implements TextSink {
  text = "";
  backlogBytes = 0;
  write(text: string): void {
    this.text += text;
  }
}

function play(display: Display, events: readonly BuildEvent[]): void {
  for (const event of events) display.onEvent(event);
  display.finish();
}

test("plain: numbered steps, reasons, output with times, outcomes, warnings at the end", () => {
  const sink = new Sink();
  play(new PlainDisplay(sink), EVENTS);
  assert.equal(
    sink.text,
    `#1 [build 1/3] WORKDIR /x
#1 CACHED

#2 [build 2/3] RUN make
#2 why: src/a.ts changed
#2 0.500 one
#2 0.750 two
#2 0.750 red
#2 DONE 1.3s

#3 [build 3/3] RUN false
#3 0.150 no line feed
#3 ERROR: exit code: 1

1 warning:
WARNING: Rule: beware

`,
  );
});

test("plain: a reader that is too slow costs lines of output, and that is said", () => {
  const sink = new Sink();
  const display = new PlainDisplay(sink);
  display.onEvent(known(B, "RUN make"));
  display.onEvent({ type: "step-started", vertex: B, atMs: 0 });
  sink.backlogBytes = 1e9;
  display.onEvent(output(B, "lost\nlost\n", 1));
  sink.backlogBytes = 0;
  display.onEvent(output(B, "seen\n", 2));
  assert.equal(
    sink.text,
    "#1 RUN make\n#1 2 lines left out, since their reader is too slow; the log on disk has all of them\n#1 0.002 seen\n",
  );
});

test("rawjson: the last line of each vertex says how it ended", () => {
  const sink = new Sink();
  play(new RawJsonDisplay(sink), EVENTS);
  const lines: { vertexes?: { digest: string }[]; logs?: { data: string }[]; warnings?: { short: string }[] }[] = sink.text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const last = new Map(lines.flatMap(({ vertexes = [] }) => vertexes.map((vertex) => [vertex.digest, vertex] as const)));
  assert.deepEqual(last.get(A), {
    digest: A,
    name: "[build 1/3] WORKDIR /x",
    started: "1970-01-01T00:00:01.000Z",
    completed: "1970-01-01T00:00:01.000Z",
    cached: true,
  });
  assert.deepEqual(last.get(B), {
    digest: B,
    name: "[build 2/3] RUN make",
    started: "1970-01-01T00:00:01.000Z",
    completed: "1970-01-01T00:00:02.250Z",
  });
  assert.deepEqual(last.get(C), {
    digest: C,
    name: "[build 3/3] RUN false",
    started: "1970-01-01T00:00:02.250Z",
    completed: "1970-01-01T00:00:02.400Z",
    error: "exit code: 1",
  });
  const logs = lines.flatMap(({ logs: entries = [] }) => entries.map(({ data }) => Buffer.from(data, "base64").toString()));
  assert.equal(logs.join(""), "one\ntwo\n\u001b]0;title\u0007\u001b[31mred\u001b[0m\nno line feed");
  assert.deepEqual(
    lines.flatMap(({ warnings = [] }) => warnings.map(({ short }) => Buffer.from(short, "base64").toString())),
    ["Rule: beware"],
  );
});

test("rawjson: a step that was not needed or not reached never ends", () => {
  const sink = new Sink();
  play(new RawJsonDisplay(sink), [known(A, "x"), { type: "step-ended", vertex: A, outcome: "NOT RUN", atMs: 1 }]);
  assert.equal(sink.text, `{"vertexes":[{"digest":"${A}","name":"x"}]}\n`);
});

test("tty: ended steps stay, running ones are drawn over, no line is wider than the terminal", () => {
  const sink = new Sink();
  const display = new TtyDisplay(sink, { columns: () => 40, rows: () => 10, nowMs: () => 2000 });
  for (const event of EVENTS.slice(0, 6)) display.onEvent(event);
  display.redraw();
  const visible = (text: string): string[] => neutralize(text).split("\n");
  assert.deepEqual(visible(sink.text), [
    " = [build 1/3] WORKDIR /x  CACHED",
    "[+] 0.0s  1/3 steps",
    " ▸ [build 2/3] RUN make  1.0s",
    "     one",
    "",
  ]);
  sink.text = "";
  display.onEvent(output(B, `${"wide ".repeat(30)}\n`, 1900));
  display.redraw();
  assert.ok(sink.text.startsWith("\u001b[3A\r\u001b[0J"), "goes up over the three lines of the region");
  assert.ok(visible(sink.text).every((line) => line.length <= 40));
  display.finish();
});

test("tty: a terminal that isn't read gets nothing more", () => {
  const sink = new Sink();
  const display = new TtyDisplay(sink, { columns: () => 40, rows: () => 10, nowMs: () => 0 });
  sink.backlogBytes = 1e9;
  display.redraw();
  assert.equal(sink.text, "");
  display.finish();
});

test("a failed step's last lines and log are shown", () => {
  const watch = new FailureWatch();
  for (const event of EVENTS) watch.onEvent(event);
  assert.equal(watch.text, "------\n > [build 3/3] RUN false:\nno line feed\n------\nwhole log: /store/log\n");
});

test("output is cut into safe lines wherever its pieces end", () => {
  const splitter = new LineSplitter();
  const smiley = Buffer.from("😀");
  assert.deepEqual(splitter.push(smiley.subarray(0, 2)), []);
  assert.deepEqual(splitter.push(Buffer.concat([smiley.subarray(2), Buffer.from("\n10%\r50%\r100%\r\nrest")])), ["😀", "100%"]);
  assert.deepEqual(splitter.end(), ["rest"]);
  assert.deepEqual(splitter.end(), []);
});

test("a line without end is cut", () => {
  const lines = new LineSplitter().push(Buffer.alloc(40_000, "x"));
  assert.deepEqual(
    lines.map((line) => line.length),
    [16_384, 16_384],
  );
});

test("escape sequences and direction marks don't get through", () => {
  assert.equal(
    neutralize("a\u001b[2Jb\u001b]52;c;evil\u0007c\u001b]8;;x\u001b\\d\u0007\u0000\u009b1me\u001bcf\u202eg\th"),
    "abcdef\ufffdg\th",
  );
});

test("times, sizes and widths for people", () => {
  assert.deepEqual([0, 1234, 59_960, 125_000, 3_720_000].map(duration), ["0.0s", "1.2s", "1m00s", "2m05s", "1h02m"]);
  assert.deepEqual([0, 999, 1500, 5e9].map(bytes), ["0 B", "999 B", "1.5 kB", "5.0 GB"]);
  assert.equal(clip("日本語です", 7), "日本…");
  assert.equal(clip("short", 7), "short");
});

test("an error names its place, shows the lines and the way out, and never a stack", () => {
  const text = "FROM a\nRUN --foo x\n";
  const range = { start: { line: 2, column: 4, offset: 11 }, end: { line: 2, column: 9, offset: 16 } };
  const error = new TsbuildError("X", "RUN has no flag --foo\u001b[2J", {
    hint: "RUN takes --mount",
    location: { file: { name: "Dockerfile", text }, ranges: [range] },
  });
  const shown = renderError(error, { isDebug: false });
  assert.match(shown, /^ERROR: RUN has no flag --foo\nDockerfile:2\n[\s\S]*2 \| >>> RUN --foo x\n[\s\S]*\nhint: RUN takes --mount\n$/);
  assert.doesNotMatch(shown, /^\s+at /m);
});

test("an internal error shows its stack only when asked", () => {
  const error = new TypeError("x is undefined");
  assert.match(renderError(error, { isDebug: false }), /^ERROR: Internal error: x is undefined\nhint: .*TSBUILD_DEBUG=1/);
  assert.match(renderError(error, { isDebug: true }), /\n\s+at /);
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  assert.equal(
    renderError(full, { isDebug: false }),
    "ERROR: ENOSPC: no space left on device, write\nhint: the disk is full; make room, or choose another folder with --root\n",
  );
});

test("the display follows the flag, then what stderr is", () => {
  const mode = (given: string | undefined, isTerminal: boolean, isQuiet = false): string => progressMode(given, { isTerminal, isQuiet });
  assert.deepEqual(
    [mode(undefined, true), mode("auto", false), mode("rawjson", true), mode("plain", true, true)],
    ["tty", "plain", "rawjson", "quiet"],
  );
  assert.throws(() => mode("tty", false), { code: "USAGE" });
  assert.throws(() => mode("fancy", true), { code: "USAGE", message: /fancy/ });
});
