import { TsbuildError } from "../../base/errors.js";
import type { DockerfileAst } from "../syntax/ast.js";

/** `docker/dockerfile:1`, `docker.io/docker/dockerfile-upstream:master@sha256:…`, a mirror's `…/dockerfile:1.7-labs`, `dockerfile.v0`. */
const BUILT_IN = /^(?:dockerfile\.v0|(?:[^\s@]*\/)?dockerfile(?:-upstream)?(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?)$/;

/**
 * A `# syntax=` line (or the build argument BUILDKIT_SYNTAX) names the image of a language. All versions of Docker's
 * own are read by the built-in compiler, which fetches nothing; another language can't be.
 * @throws {TsbuildError} DOCKERFILE_SYNTAX_UNKNOWN
 */
export function checkSyntax(ast: DockerfileAst, buildArgs: ReadonlyMap<string, string>): void {
  const directive = ast.directives.find(({ name }) => name === "syntax");
  const override = buildArgs.get("BUILDKIT_SYNTAX");
  const image = (override ?? directive?.value ?? "").trim().split(/\s+/)[0] ?? "";
  if (image === "" || BUILT_IN.test(image)) return;
  throw new TsbuildError("DOCKERFILE_SYNTAX_UNKNOWN", `the syntax image "${image}" is not supported`, {
    hint: "only docker/dockerfile is built in, in any version; remove the line or convert the file",
    location: override === undefined && directive !== undefined ? { file: ast.file, ranges: [directive.valueRange] } : undefined,
  });
}
