import assert from "node:assert/strict";
import { test } from "node:test";
import { TsbuildError } from "../../base/errors.js";
import fc from "fast-check";
import { compileText } from "./request-fixture.js";

type Row = readonly [text: string, code: string, line: number, span: string, message: RegExp];

/** `span` is the guilty text, as the location's first range has it. */
const ROWS: readonly Row[] = [
  ["RUN x\nFROM busybox", "DOCKERFILE_NO_STAGE", 1, "RUN x", /no build stage/],
  ["FROM busybox AS 1bad", "DOCKERFILE_STAGE_NAME", 1, "1bad", /1bad/],
  ["FROM $NOPE", "DOCKERFILE_BASE_BLANK", 1, "$NOPE", /should not be blank/],
  ["FROM --platform=$NOPE busybox", "DOCKERFILE_PLATFORM", 1, "$NOPE", /empty platform/],
  ["FROM --platform=a/b/c/d busybox", "PLATFORM_INVALID", 1, "a/b/c/d", /platform/],
  ["FROM a AS dead\nFROM Not/Valid:x:y", "IMAGE_NAME_INVALID", 2, "Not/Valid:x:y", /Not\/Valid.*lowercase/],
  ["ARG B=gone\nFROM $B", "IMAGE_NOT_FOUND", 2, "$B", /gone/],
  ["FROM busybox AS buildd\nFROM build", "IMAGE_NOT_FOUND", 2, "build", /did you mean the stage buildd/],
  ["FROM busybox\nRUN --mout=x y", "DOCKERFILE_FLAG_UNKNOWN", 2, "mout", /did you mean --mount/],
  ["FROM busybox\nCMD --x y", "DOCKERFILE_FLAG_UNKNOWN", 2, "x", /unknown flag: --x/],
  ["FROM busybox\nCOPY --chown=1 --chown=2 a /b", "DOCKERFILE_FLAG_DUPLICATE", 2, "chown", /duplicate flag specified: --chown/],
  ["FROM busybox\nCOPY --link=maybe a /b", "DOCKERFILE_FLAG_VALUE", 2, "maybe", /boolean value for flag --link, not: maybe/],
  ["FROM busybox\nCOPY --chown a /b", "DOCKERFILE_FLAG_VALUE", 2, "--chown", /missing a value/],
  ["FROM busybox AS dead\nCOPY --from=$X a /b\nFROM busybox", "DOCKERFILE_FROM_VARIABLE", 2, "$X", /variable/],
  ["FROM busybox AS me\nCOPY --from=me a /b", "DOCKERFILE_STAGE_CIRCLE", 2, "me", /circular.*me/],
  ["FROM busybox\nCOPY --from=0 a /b", "DOCKERFILE_STAGE_CIRCLE", 2, "0", /circular/],
  [
    "FROM busybox AS a\nRUN --mount=from=b,target=/x y\nFROM busybox AS b\nFROM a",
    "DOCKERFILE_STAGE_ORDER",
    2,
    "from=b,target=/x",
    /cannot mount from stage "b"/,
  ],
  ["FROM busybox\nCOPY --from=7 a /b", "DOCKERFILE_STAGE_INDEX", 2, "7", /invalid stage index 7/],
  ["FROM busybox\nCOPY --from=gone a /b", "IMAGE_NOT_FOUND", 2, "gone", /gone/],
  ["FROM busybox\nCOPY --chmod=9 a /b", "DOCKERFILE_CHMOD", 2, "9", /invalid/],
  ["FROM busybox\nCOPY --chmod=17777 a /b", "DOCKERFILE_CHMOD", 2, "17777", /invalid/],
  ["FROM busybox\nCOPY --link --chown=app a /b", "DOCKERFILE_OWNER", 2, "app", /user "app"/],
  ["FROM scratch\nCOPY --chown=1:staff a /b", "DOCKERFILE_OWNER", 2, "1:staff", /group "staff"/],
  ["FROM busybox\nCOPY https://x.org/a /b", "DOCKERFILE_SOURCE", 2, "https://x.org/a", /URL for COPY/],
  ["FROM busybox\nCOPY https://x.org/a.git /b", "DOCKERFILE_SOURCE", 2, "https://x.org/a.git", /git ref for COPY/],
  ["FROM busybox\nADD --checksum=sha256:1 https://x.org/a /b", "DOCKERFILE_CHECKSUM", 2, "sha256:1", /invalid checksum/],
  ["FROM busybox\nADD --checksum=sha256:1 a b /c", "DOCKERFILE_CHECKSUM", 2, "sha256:1", /multiple sources/],
  ["FROM busybox\nADD --checksum=sha256:1 a /c", "DOCKERFILE_CHECKSUM", 2, "a", /requires an HTTP/],
  ["FROM busybox\nCOPY <<../x /d\nEOF\n../x\n", "DOCKERFILE_HEREDOC", 2, "COPY", /name of a file/],
  ["FROM busybox\nRUN --network=bridge x", "DOCKERFILE_FLAG_VALUE", 2, "bridge", /invalid network mode "bridge"/],
  ["FROM busybox\nRUN --security=none x", "DOCKERFILE_FLAG_VALUE", 2, "none", /invalid security mode/],
  ["FROM busybox\nRUN --device=gpu x", "DOCKERFILE_UNSUPPORTED", 2, "gpu", /--device is not supported/],
  ["FROM busybox\nRUN --network=host x", "ENTITLEMENT_MISSING", 2, "RUN --network=host x", /network.host is not allowed/],
  ["FROM busybox\nRUN --security=insecure x", "ENTITLEMENT_MISSING", 2, "RUN --security=insecure x", /security.insecure is not allowed/],
  ["FROM busybox\nRUN", "DOCKERFILE_ARGUMENTS", 2, "RUN", /at least one argument/],
  ["FROM busybox\nRUN --mount=type=magic,target=/x y", "DOCKERFILE_MOUNT", 2, "type=magic,target=/x", /unsupported mount type "magic"/],
  ["FROM busybox\nRUN --mount=tpye=bind,target=/x y", "DOCKERFILE_MOUNT", 2, "tpye=bind,target=/x", /did you mean type/],
  [
    "FROM busybox\nRUN --mount=type=cache,target=/x,sharing=maybe y",
    "DOCKERFILE_MOUNT",
    2,
    "type=cache,target=/x,sharing=maybe",
    /sharing value "maybe"/,
  ],
  [
    "FROM busybox\nRUN --mount=type=tmpfs,target=/x,sharing=locked y",
    "DOCKERFILE_MOUNT",
    2,
    "type=tmpfs,target=/x,sharing=locked",
    /invalid cache sharing/,
  ],
  [
    "FROM busybox\nRUN --mount=type=bind,target=/x,mode=0755 y",
    "DOCKERFILE_MOUNT",
    2,
    "type=bind,target=/x,mode=0755",
    /mode is not allowed/,
  ],
  ["FROM busybox\nRUN --mount=type=secret y", "DOCKERFILE_MOUNT", 2, "type=secret", /needs an id/],
  ["FROM busybox\nRUN --mount=type=secret,id=a,source=b y", "DOCKERFILE_MOUNT", 2, "type=secret,id=a,source=b", /both source and id/],
  ["FROM busybox\nRUN --mount=type=bind y", "DOCKERFILE_MOUNT", 2, "type=bind", /target/],
  ["FROM busybox\nRUN --mount=target=/ y", "DOCKERFILE_MOUNT", 2, "target=/", /invalid mount target "\/"/],
  ["FROM busybox\nRUN --mount=target y", "DOCKERFILE_MOUNT", 2, "target", /key=value/],
  [
    "FROM busybox AS dead\nRUN --mount=from=$X,target=/y z\nFROM busybox",
    "DOCKERFILE_MOUNT",
    2,
    "from=$X,target=/y",
    /'from' doesn't support variable/,
  ],
  ["FROM busybox\nENV $X=1", "DOCKERFILE_NAME_BLANK", 2, "$X", /names can not be blank/],
  ["FROM busybox\nENV A=${B", "EXPAND_SYNTAX", 2, "${B", /\$\{B/],
  ['FROM busybox\nLABEL a="${B:?give B}"', "EXPAND_REQUIRED", 2, '"${B:?give B}"', /give B/],
  ["FROM busybox\nUSER a b", "DOCKERFILE_ARGUMENTS", 2, "a b", /exactly one/],
  ["FROM busybox\nEXPOSE 80 notaport", "DOCKERFILE_PORT", 2, "notaport", /invalid containerPort: notaport/],
  ["FROM busybox\nEXPOSE 9-8", "DOCKERFILE_PORT", 2, "9-8", /invalid/],
  ["FROM busybox\nEXPOSE 80/carrier", "DOCKERFILE_PORT", 2, "80/carrier", /carrier/],
  ["FROM busybox\nSTOPSIGNAL SIGNOTHING", "DOCKERFILE_SIGNAL", 2, "SIGNOTHING", /invalid signal: SIGNOTHING/],
  ["FROM busybox\nVOLUME $X", "DOCKERFILE_ARGUMENTS", 2, "$X", /empty string/],
  ["FROM busybox\nHEALTHCHECK --interval=soon CMD x", "DOCKERFILE_DURATION", 2, "soon", /invalid duration "soon"/],
  ["FROM busybox\nHEALTHCHECK --timeout=10us CMD x", "DOCKERFILE_HEALTHCHECK", 2, "10us", /timeout cannot be less than 1ms/],
  ["FROM busybox\nHEALTHCHECK --retries=-1 CMD x", "DOCKERFILE_HEALTHCHECK", 2, "-1", /negative/],
  ["FROM busybox\nHEALTHCHECK --retries=1 NONE", "DOCKERFILE_HEALTHCHECK", 2, "--retries=1", /takes no flags/],
  ["FROM busybox\nONBUILD RUN --mout=x y", "DOCKERFILE_FLAG_UNKNOWN", 2, "mout", /--mout/],
  ["FROM onbuild", "IMAGE_NOT_FOUND", 1, "FROM onbuild", /helper/],
  [
    "# syntax=example.com/other/language:1\nFROM scratch",
    "DOCKERFILE_SYNTAX_UNKNOWN",
    1,
    "example.com/other/language:1",
    /other\/language/,
  ],
];

for (const [text, code, line, span, message] of ROWS) {
  test(`${code}: ${text.split("\n").join(" | ")}`, async () => {
    await assert.rejects(compileText(text), (error: unknown) => {
      assert.ok(error instanceof TsbuildError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      const range = error.location?.ranges[0];
      assert.ok(range !== undefined);
      assert.equal(error.location?.file.name, "Dockerfile");
      assert.equal(range.start.line, line);
      assert.ok(text.slice(range.start.offset, range.end.offset).startsWith(span), text.slice(range.start.offset, range.end.offset));
      return true;
    });
  });
}

for (const image of [
  "docker/dockerfile:1",
  "docker.io/docker/dockerfile:1.7-labs",
  "docker/dockerfile-upstream:master",
  "example.com/mirror/dockerfile:99",
  "dockerfile.v0",
]) {
  test(`the syntax ${image} is built in`, async () => {
    await compileText(`# syntax=${image}\nFROM scratch`);
  });
}

const LINES = [
  "FROM busybox",
  "FROM busybox AS a",
  "FROM a",
  "FROM scratch",
  "FROM --platform=$P busybox",
  "ARG A=1",
  "ARG P=linux/amd64",
  "ENV A=${A:-x}",
  "RUN make $A",
  "RUN --mount=target=/x,from=a ls",
  "RUN --mount=type=cache,target=$A x",
  "COPY a $A",
  "COPY --from=a / /",
  "COPY --link --chown=$A . .",
  "ADD https://x.org/$A /d",
  "ADD $A /x",
  "WORKDIR $A",
  "USER $A",
  'CMD ["a"]',
  "ENTRYPOINT x",
  "EXPOSE $A",
  'VOLUME ["$A"]',
  "ONBUILD RUN x",
  "COPY <<E /x\n$A ${\nE",
  "HEALTHCHECK NONE",
  "# comment",
  'LABEL "$A"=b c=d',
];

test("whatever stands in the file, it compiles or an error says what is wrong", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(fc.constantFrom(...LINES), fc.string({ maxLength: 12 })), { maxLength: 10 }), async (lines) => {
      const text = lines.join("\n");
      try {
        await compileText(text);
      } catch (error) {
        if (!(error instanceof TsbuildError)) throw error;
        for (const { start, end } of error.location?.ranges ?? []) assert.ok(start.offset <= end.offset && end.offset <= text.length);
      }
    }),
    { numRuns: 300 },
  );
});

test("a short file can't make a history without end", async () => {
  const text = `FROM busybox\nARG A=${"a".repeat(1 << 20)}\n${"RUN x\n".repeat(20)}`;
  await assert.rejects(compileText(text), (error) => {
    assert.ok(error instanceof TsbuildError);
    assert.equal(error.code, "DOCKERFILE_HISTORY_TOO_LONG");
    assert.equal(error.location?.ranges[0]?.start.line, 17);
    return true;
  });
});
