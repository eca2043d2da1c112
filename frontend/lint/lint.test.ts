import assert from "node:assert/strict";
import { test } from "node:test";
import { TsbuildError } from "../../base/errors.js";
import { checkDockerfile } from "../compile/compile.js";
import { compileText, testRequest } from "../compile/request-fixture.js";
import type { CompileRequest } from "../compile/types.js";
import { RULES, ruleUrl } from "./rules.js";
import { soundsSecret } from "./secrets.js";

async function check(text: string, changes: Partial<CompileRequest> = {}): ReturnType<typeof checkDockerfile> {
  return await checkDockerfile(testRequest(text, changes), new AbortController().signal);
}

/** `Rule:LINE`, in order. */
async function found(lines: readonly string[], changes: Partial<CompileRequest> = {}): Promise<readonly string[]> {
  const { warnings } = await check(`${lines.join("\n")}\n`, changes);
  return warnings.map(({ code, location }) => `${code}:${location?.ranges[0]?.start.line}`);
}

async function messages(lines: readonly string[], changes: Partial<CompileRequest> = {}): Promise<readonly string[]> {
  return (await check(`${lines.join("\n")}\n`, changes)).warnings.map(({ message }) => message);
}

test("there are BuildKit's 22 rules, each with an address in Docker's documentation, and one of our own", () => {
  const own = [...RULES.values()].filter(({ isOwn }) => isOwn === true).map(({ name }) => name);
  assert.equal(RULES.size - own.length, 22);
  assert.deepEqual(own, ["BidirectionalText"]);
  assert.equal(ruleUrl("BidirectionalText"), undefined);
  assert.equal(ruleUrl("JSONArgsRecommended"), "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/");
  assert.equal(ruleUrl("SecretsUsedInArgOrEnv"), "https://docs.docker.com/go/dockerfile/rule/secrets-used-in-arg-or-env/");
  assert.equal(ruleUrl("UndefinedArgInFrom"), "https://docs.docker.com/go/dockerfile/rule/undefined-arg-in-from/");
});

test("a file without problems has none", async () => {
  assert.deepEqual(await found(["FROM busybox AS base", "ARG V=1", "ENV A=$V", "WORKDIR /a", "WORKDIR b", 'CMD ["a"]']), []);
});

test("casing: the majority rules, and upper case wins a draw", async () => {
  assert.deepEqual(await found(["FROM busybox", "run a", "RUN b", "Env A=1"]), [
    "ConsistentInstructionCasing:2",
    "ConsistentInstructionCasing:4",
  ]);
  assert.deepEqual(await found(["from busybox", "RUN a"]), ["ConsistentInstructionCasing:1"]);
  assert.deepEqual(await found(["from busybox as b", "run a", "RUN b"]), ["ConsistentInstructionCasing:3"]);
  assert.deepEqual(await found(["FROM busybox as B", "From busybox AS c"]), [
    "FromAsCasing:1",
    "StageNameCasing:1",
    "ConsistentInstructionCasing:2",
  ]);
});

test("an empty line in a continuation is found at the instruction's last line", async () => {
  assert.deepEqual(await found(["FROM busybox", "RUN a \\", "", "  b \\", "", "  c", "RUN d"]), ["NoEmptyContinuation:6"]);
  assert.deepEqual(await found(["FROM busybox", "RUN <<E \\", "", "  cat", "", "E"]), ["NoEmptyContinuation:4"]);
  assert.deepEqual(await found(["FROM busybox", "RUN <<E", "", "E"]), []);
});

test("stage names are unique, and not reserved", async () => {
  assert.deepEqual(await found(["FROM busybox AS b", "FROM scratch AS b", "FROM b AS context"]), [
    "DuplicateStageName:2",
    "ReservedStageName:3",
  ]);
});

test("a shell form gets no signals, unless somebody wants that shell", async () => {
  assert.deepEqual(await found(["FROM busybox", "CMD a", "ENTRYPOINT b"]), ["JSONArgsRecommended:2", "JSONArgsRecommended:3"]);
  assert.deepEqual(await found(["FROM busybox AS a", 'SHELL ["/bin/ash", "-c"]', "FROM a", "CMD b", "HEALTHCHECK CMD c"]), []);
});

test("one that has no effect is found at itself, not at the one that has", async () => {
  assert.deepEqual(
    await found(["FROM busybox", 'CMD ["a"]', "HEALTHCHECK NONE", 'CMD ["b"]', "HEALTHCHECK NONE", "FROM busybox", 'CMD ["c"]']),
    ["MultipleInstructionsDisallowed:2", "MultipleInstructionsDisallowed:3"],
  );
});

test("FROM uses what is declared; a similar name is suggested", async () => {
  assert.deepEqual(await found(["ARG TAG=latest", "FROM busybox${TGA}"]), ["UndefinedArgInFrom:2"]);
  assert.match((await messages(["ARG TAG=latest", "FROM busybox${TGA}"])).join(), /did you mean TAG\?/);
  assert.deepEqual(await found(["ARG EMPTY", "FROM busybox$EMPTY"]), []);
});

test("behind a FROM that can't be, FROM is not looked at", async () => {
  const { warnings, error } = await check("FROM --platform=$NOPE busybox\nFROM busybox$ALSO\n");
  assert.deepEqual(
    warnings.map(({ code, location }) => `${code}:${location?.ranges[0]?.start.line}`),
    ["UndefinedArgInFrom:1"],
  );
  assert.equal(error?.code, "DOCKERFILE_PLATFORM");
});

test("a default that names no image is found although an argument is given", async () => {
  const buildArgs = new Map([["NAME", "busybox"]]);
  assert.deepEqual(await found(["ARG NAME", "FROM $NAME"], { buildArgs }), ["InvalidDefaultArgInFrom:2"]);
  assert.deepEqual(await found(["ARG NAME=busybox", "FROM $NAME"], { buildArgs }), []);
});

test("variables are set before they are used; an ARG without a value is declared", async () => {
  const lines = ["FROM busybox AS a", "ARG NAMED", "ARG VERSION=1", "ENV A=$VERSON B=$PATH C=$NAMED", "FROM a", "COPY $nodir$NAMED /x"];
  assert.deepEqual(await found(lines), ["UndefinedVar:4", "UndefinedVar:6"]);
  assert.match((await messages(lines)).join(), /\$VERSON.*did you mean \$VERSION/);
});

test("what a shell will expand is the shell's business, and so is a quoted document", async () => {
  assert.deepEqual(await found(["FROM busybox", "RUN echo $nothing", "HEALTHCHECK CMD echo $x", "COPY <<'E' /f", "$x", "E"]), []);
  assert.deepEqual(await found(["FROM busybox", "COPY <<E /f", "$x", "E", "RUN --mount=type=cache,target=/$y true"]), [
    "UndefinedVar:2",
    "UndefinedVar:5",
  ]);
});

test("a later ARG of a line sees the earlier ones, and an unused default isn't read", async () => {
  assert.deepEqual(await found(["FROM busybox", "ARG A=1 B=$A", "ARG C=$nope"], { buildArgs: new Map([["C", "x"]]) }), []);
});

test("a relative WORKDIR wants an absolute one before it, also across stages", async () => {
  assert.deepEqual(await found(["FROM busybox", "WORKDIR a", "WORKDIR b"]), ["WorkdirRelativePath:2"]);
  assert.deepEqual(await found(["FROM busybox AS a", "WORKDIR /a", "FROM a", "WORKDIR b"]), []);
  assert.deepEqual(await found(["FROM busybox", "ARG D=/d", "WORKDIR $D"]), []);
});

test("names that sound like secrets", () => {
  for (const name of ["GITHUB_TOKEN", "password", "auth_data", "AWS_SECRET_ACCESS_KEY", "ApiKey"])
    assert.equal(soundsSecret(name), true, name);
  for (const name of ["PUBLIC_KEY", "KEYBOARD", "TOKEN_FILE", "AUTHOR", "SECRETS_VERSION"]) assert.equal(soundsSecret(name), false, name);
});

test("each name that sounds like a secret is named", async () => {
  assert.deepEqual(await found(["FROM busybox", "ENV API_SECRET=x DB_PASSWORD=y OK=1", "ARG TOKEN"]), [
    "SecretsUsedInArgOrEnv:2",
    "SecretsUsedInArgOrEnv:2",
    "SecretsUsedInArgOrEnv:3",
  ]);
});

test("EXPOSE names a port in the container", async () => {
  assert.deepEqual(await found(["FROM busybox", "EXPOSE 80/TCP 81/udp", "EXPOSE 127.0.0.1:80:80", "EXPOSE 1:2 [::1]:3:4"]), [
    "ExposeProtoCasing:2",
    "ExposeInvalidFormat:3",
    "ExposeInvalidFormat:4",
    "ExposeInvalidFormat:4",
  ]);
});

test("platforms: a constant, the default said aloud, and a stage named after its own", async () => {
  assert.deepEqual(
    await found([
      "FROM --platform=linux/amd64 busybox",
      "FROM --platform=$TARGETPLATFORM busybox",
      "FROM --platform=linux/amd64 busybox AS amd64-tools",
    ]),
    ["FromPlatformFlagConstDisallowed:1", "RedundantTargetPlatform:2"],
  );
});

test("a base for another platform than the one that is built", async () => {
  const { images } = testRequest("");
  const wrong: CompileRequest["images"] = {
    resolve: async (reference, platform, signal) => {
      const image = await images.resolve(reference, platform, signal);
      return { ...image, config: { ...image.config, architecture: "s390x" } };
    },
  };
  assert.deepEqual(await found(["FROM busybox"], { images: wrong }), ["InvalidBaseImagePlatform:1"]);
});

test("a file that the ignore file keeps out; not with exceptions, and not from elsewhere", async () => {
  const lines = [
    "FROM busybox AS a",
    "FROM busybox",
    "COPY ./x.log b.txt /d/",
    "COPY --from=a x.log /d/",
    "ADD https://h/x.log /d/",
    "COPY . /all",
  ];
  assert.deepEqual(await found(lines), ["CopyIgnoredFile:3"]);
  assert.deepEqual(await found(lines, { ignorePatterns: () => Promise.resolve(["*.log", "!keep.log"]) }), []);
});

test("comments that describe, where that is asked for", async () => {
  const lines = ["# what this is", "ARG NAME=busybox", "# base the ground", "FROM $NAME AS base", "# no description", "", "ARG X"];
  assert.deepEqual(await found(lines), []);
  assert.deepEqual(await found(["# check=experimental=InvalidDefinitionDescription", "", ...lines]), ["InvalidDefinitionDescription:4"]);
});

test("rules are skipped for a file, by the caller, or for one instruction", async () => {
  const lines = ["FROM busybox AS Base", "MAINTAINER me", "CMD echo x"];
  assert.deepEqual(await found(["# check=skip=MaintainerDeprecated, StageNameCasing", ...lines]), ["JSONArgsRecommended:4"]);
  assert.deepEqual(await found(["# check=skip=all", ...lines]), []);
  assert.deepEqual(await found(lines, { buildArgs: new Map([["BUILDKIT_DOCKERFILE_CHECK", "skip=JSONArgsRecommended"]]) }), [
    "StageNameCasing:1",
    "MaintainerDeprecated:2",
  ]);
  assert.deepEqual(await found([...lines.slice(0, 2), "# wanted so", "# check=skip=JSONArgsRecommended", ...lines.slice(2)]), [
    "StageNameCasing:1",
    "MaintainerDeprecated:2",
  ]);
  assert.deepEqual(await found([...lines.slice(0, 2), "# check=skip=JSONArgsRecommended", "", ...lines.slice(2)]), [
    "StageNameCasing:1",
    "MaintainerDeprecated:2",
    "JSONArgsRecommended:5",
  ]);
});

test("options that nobody understands are an error with their place", async () => {
  for (const value of ["skp=all", "error=maybe", "all"]) {
    const { error } = await check(`# check=${value}\nFROM busybox\n`);
    assert.deepEqual([error?.code, error?.location?.ranges[0]?.start.line], ["DOCKERFILE_CHECK", 1]);
  }
});

test("stages that nobody needs are checked too, and two platforms say everything once", async () => {
  const lines = ["FROM busybox AS unused", "MAINTAINER me", "ENV A=$nope", "FROM busybox", "ENV B=$nope"];
  assert.deepEqual(await found(lines), ["MaintainerDeprecated:2", "UndefinedVar:3", "UndefinedVar:5"]);
  const platforms = [
    { os: "linux", architecture: "amd64" },
    { os: "linux", architecture: "arm64" },
  ];
  const { warnings } = await compileText(lines.join("\n"), { platforms });
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ["MaintainerDeprecated", "UndefinedVar"],
  );
});

test("warnings don't keep a build from going on, unless they are errors", async () => {
  assert.equal((await compileText("FROM busybox\nMAINTAINER me\n")).refusal, undefined);
  const { warnings, refusal } = await compileText("# check=error=true\nFROM busybox\nMAINTAINER me\n");
  assert.equal(warnings.length, 1);
  assert.ok(refusal instanceof TsbuildError);
  assert.match(refusal.message, /lint violation found for rules: MaintainerDeprecated/);
  assert.equal((await compileText("# check=error=true\nFROM busybox\n")).refusal, undefined);
});

test("what was found before an error is told with it", async () => {
  const { warnings, error } = await check("FROM busybox\nMAINTAINER me\nCOPY --chmod=99999 a /b\n");
  assert.deepEqual([warnings.map(({ code }) => code), error?.location?.ranges[0]?.start.line], [["MaintainerDeprecated"], 3]);
});

test("a long file takes time in proportion to its length", async () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => `ARG v${index}=$x${index}`);
  const before = performance.now();
  assert.equal((await found(["FROM busybox", ...lines])).length, 20_000);
  assert.ok(performance.now() - before < 10_000);
});
