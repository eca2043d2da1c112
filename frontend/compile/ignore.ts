import { join } from "node:path";

/**
 * Where the ignore file of a build may lie, best first: beside the Dockerfile and named after it, then in the
 * root of the context. The first that exists counts; the other is not read.
 */
export function ignoreFileCandidates(dockerfilePath: string, contextDir: string): string[] {
  return [`${dockerfilePath}.dockerignore`, join(contextDir, ".dockerignore")];
}
