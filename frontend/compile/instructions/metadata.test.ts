import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerConfig } from "../../../image/types.js";
import { compileText, onlyTarget } from "../request-fixture.js";

interface Row {
  readonly name: string;
  readonly lines: string;
  readonly history: readonly string[];
  readonly config: Partial<ContainerConfig>;
}

const ROWS: readonly Row[] = [
  {
    name: "ENV expands all its values with what held before it",
    lines: "ENV A=1\nENV A=2 B=<$A>",
    history: ["ENV A=1", "ENV A=2 B=<1>"],
    config: {},
  },
  { name: "the old form of ENV takes the rest of the line", lines: "ENV A b  c", history: ["ENV A=b  c"], config: {} },
  {
    name: "a later label replaces an earlier one",
    lines: "LABEL a=1 b=2\nLABEL a=3",
    history: ["LABEL a=1 b=2", "LABEL a=3"],
    config: { Labels: { keep: "me", a: "3", b: "2" } },
  },
  {
    name: "CMD in shell form is put behind the shell",
    lines: 'SHELL ["/bin/ash", "-c"]\nCMD echo "x"',
    history: ["SHELL [/bin/ash -c]", 'CMD ["/bin/ash" "-c" "echo \\"x\\""]'],
    config: { Cmd: ["/bin/ash", "-c", 'echo "x"'] },
  },
  {
    name: "ENTRYPOINT drops a CMD of the base but not of the stage",
    lines: 'CMD ["a"]\nENTRYPOINT ["b"]',
    history: ['CMD ["a"]', 'ENTRYPOINT ["b"]'],
    config: { Cmd: ["a"], Entrypoint: ["b"] },
  },
  {
    name: "an empty ENTRYPOINT takes the base's away",
    lines: "ENTRYPOINT []",
    history: ["ENTRYPOINT []"],
    config: { Entrypoint: undefined, Cmd: undefined },
  },
  {
    name: "EXPOSE sorts, expands ranges and drops doubles",
    lines: "EXPOSE 90-91 80 80/tcp 53/UDP",
    history: ["EXPOSE [53/udp 80/tcp 90/tcp 91/tcp]"],
    config: { ExposedPorts: { "53/udp": {}, "80/tcp": {}, "90/tcp": {}, "91/tcp": {} } },
  },
  {
    name: "one variable may hold several ports",
    lines: 'ENV P="80 81"\nEXPOSE $P',
    history: ["ENV P=80 81", "EXPOSE [80/tcp 81/tcp]"],
    config: { ExposedPorts: { "80/tcp": {}, "81/tcp": {} } },
  },
  {
    name: "VOLUME keeps its order in history",
    lines: "VOLUME /b /a",
    history: ["VOLUME [/b /a]"],
    config: { Volumes: { "/a": {}, "/b": {} } },
  },
  {
    name: "STOPSIGNAL takes variables",
    lines: "ENV S=SIGUSR1\nSTOPSIGNAL $S",
    history: ["ENV S=SIGUSR1", "STOPSIGNAL SIGUSR1"],
    config: { StopSignal: "SIGUSR1" },
  },
  {
    name: "HEALTHCHECK NONE",
    lines: "HEALTHCHECK NONE",
    history: ["HEALTHCHECK {Test:[NONE] Interval:0s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0}"],
    config: { Healthcheck: { Test: ["NONE"] } },
  },
  {
    name: "USER takes variables",
    lines: "ARG U=app\nUSER $U:staff",
    history: ["ARG U=app", "USER app:staff"],
    config: { User: "app:staff" },
  },
  { name: "ONBUILD leaves no history", lines: "ONBUILD ENV A=b  c=d", history: [], config: { OnBuild: ["ENV A=b  c=d"] } },
];

for (const { name, lines, history, config } of ROWS) {
  test(name, async () => {
    const { image } = onlyTarget(await compileText(`FROM configured\n${lines}`));
    const entries = image.history.slice(1);
    assert.deepEqual(
      entries.map(({ created_by }) => created_by),
      history,
    );
    assert.ok(entries.every(({ empty_layer: isEmpty, comment }) => isEmpty === true && comment === "buildkit.dockerfile.v0"));
    for (const [key, value] of Object.entries(config))
      assert.deepEqual(Object.entries(image.config).find(([known]) => known === key)?.[1], value, key);
  });
}

test("variables keep their place when they are set again", async () => {
  const { image } = onlyTarget(await compileText("FROM configured\nENV NEW=1\nENV APP_MODE=dev"));
  assert.deepEqual(image.config.Env?.slice(1), ["APP_MODE=dev", "NEW=1"]);
});

test("an image without PATH gets the default one", async () => {
  const { image } = onlyTarget(await compileText("FROM nopath"));
  assert.deepEqual(image.config.Env, ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]);
});

test("MAINTAINER is the author", async () => {
  assert.equal(onlyTarget(await compileText("FROM scratch\nMAINTAINER A $B")).image.author, "A $B");
});

test("labels of the request win over those of the file", async () => {
  const { image } = onlyTarget(
    await compileText("FROM configured\nLABEL a=1", {
      labels: new Map([
        ["a", "2"],
        ["keep", "x"],
      ]),
    }),
  );
  assert.deepEqual(image.config.Labels, { keep: "x", a: "2" });
});

test("the base's time of creation is not inherited", async () => {
  assert.equal(onlyTarget(await compileText("FROM busybox")).image.created, undefined);
});

test("members of the config that are empty are left out, as in Docker's JSON", async () => {
  const { image } = onlyTarget(await compileText("FROM configured\nCMD []\nUSER $NOBODY\nENTRYPOINT []"));
  for (const name of ["Cmd", "User", "Entrypoint"]) assert.ok(!(name in image.config), name);
});
