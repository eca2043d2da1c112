/** Vertices for what lies outside the Dockerfile: build contexts, and images that are only read from. */
import type { Graph, Vertex, VertexMeta } from "../../llb/graph.js";
import type { GitSource } from "../../llb/op.js";
import type { Platform } from "../../base/platform.js";
import type { SourceLocation } from "../../base/source.js";
import { comparableName } from "./image-name.js";
import { parseGitContext, withoutCredentials } from "./instructions/git-url.js";
import { TsbuildError } from "../../base/errors.js";
import type { CompileRequest, NamedContext, ResolvedImage } from "./types.js";
import { plainCopy } from "../../llb/plain-copy.js";

/** The name under which the build context itself may be replaced. */
export const MAIN_CONTEXT = "context";

export interface SourceTreeOptions {
  readonly graph: Graph;
  readonly request: CompileRequest;
  readonly signal: AbortSignal;
}

/** The named context a name stands for: names of images are compared in their short form, `alpine:latest` as `alpine`. */
export function findNamedContext(
  contexts: ReadonlyMap<string, NamedContext>,
  name: string,
): { readonly name: string; readonly context: NamedContext } | undefined {
  const wanted = comparableName(name);
  for (const [key, context] of contexts) {
    if (key === name || comparableName(key) === wanted) return { name: key, context };
  }
  return undefined;
}

/** For image contexts: the reference to resolve. */
export function contextImage(context: NamedContext): string | undefined {
  if (context.type === "image") return context.reference;
  if (context.type !== "oci-layout") return undefined;
  const { path, digestOrTag } = context;
  return `oci-layout://${path}${digestOrTag.includes(":") ? "@" : ":"}${digestOrTag}`;
}

/** The tree of a context that is no image. */
export async function contextTree(
  name: string,
  context: Exclude<NamedContext, { readonly type: "image" | "oci-layout" }>,
  options: SourceTreeOptions,
): Promise<Vertex> {
  switch (context.type) {
    case "local":
      return await localTree(context.name, options);
    case "git":
      return gitTree(name, context.url, options);
    case "http":
      return archiveTree(name, context.url, options);
  }
}

async function localTree(name: string, { graph, request }: SourceTreeOptions): Promise<Vertex> {
  const exclude = await request.ignorePatterns(name);
  const text = name === MAIN_CONTEXT ? "[internal] load build context" : `[context ${name}] load from client`;
  return graph.add({ kind: "source", type: "local", name, exclude }, [], outsideMeta(`context/${name}`, text));
}

function gitTree(name: string, url: string, { graph, request }: SourceTreeOptions): Vertex {
  return graph.add(
    gitContextSource(name, url, request.buildArgs),
    [],
    outsideMeta(`context/${name}`, `[context ${name}] load from ${withoutCredentials(url)}`),
  );
}

/** The op of a context that is a git repository. @throws {TsbuildError} CONTEXT_INVALID, DOCKERFILE_GIT_URL */
export function gitContextSource(name: string, url: string, buildArgs: ReadonlyMap<string, string>): GitSource {
  const address = parseGitContext(url);
  if (address === undefined)
    throw new TsbuildError("CONTEXT_INVALID", `the context ${name} is no git address: ${withoutCredentials(url)}`, {
      hint: "write https://host/repo.git#ref:folder",
    });
  const { remote, ref, subdir, checksum } = address;
  const keepGitDir = address.keepGitDir ?? /^(?:1|true)$/i.test(buildArgs.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR") ?? "");
  return {
    kind: "source",
    type: "git",
    remote,
    ...(ref === undefined ? {} : { ref }),
    ...(subdir === undefined ? {} : { subdir }),
    ...(checksum === undefined ? {} : { checksum }),
    keepGitDir,
  };
}

/** An archive behind an address, unpacked. */
function archiveTree(name: string, url: string, { graph }: SourceTreeOptions): Vertex {
  const fetched = graph.add(
    { kind: "source", type: "http", url, filename: "context" },
    [],
    outsideMeta(`context/${name}`, `[context ${name}] load from ${url}`),
  );
  return graph.add(
    {
      kind: "file",
      base: false,
      actions: [plainCopy("/context", "/", true)],
    },
    [fetched],
    outsideMeta(`context/${name}/unpacked`, `[context ${name}] unpack ${url}`),
  );
}

/** The whole of a tree as the ground of a stage: contexts are never mounted themselves. */
export function copiedTree(name: string, tree: Vertex, graph: Graph): Vertex {
  return graph.add(
    {
      kind: "file",
      base: false,
      actions: [plainCopy("/", "/")],
    },
    [tree],
    outsideMeta(`context/${name}/copied`, `[context ${name}] copy`),
  );
}

/** An image's files; undefined when it has none. */
export function imageTree(image: ResolvedImage, platform: Platform, graph: Graph, meta: VertexMeta): Vertex | undefined {
  if (image.config.rootfs.diff_ids.length === 0) return undefined;
  return graph.add({ kind: "source", type: "image", ref: image.ref, manifest: image.manifest, platform }, [], meta);
}

/** For a vertex that belongs to no stage. `name` is shown as it is. */
export function outsideMeta(place: string, name: string, location?: SourceLocation): VertexMeta {
  return { name, place, ignoreCache: false, isInternal: true, ...(location === undefined ? {} : { location }) };
}
