/** What the command line asks of the worker layer: one build. */
import type { Digest } from "../base/digest.js";
import type { EventSink } from "../base/events.js";
import type { HttpRecord } from "../cache/http-records.js";
import type { CompileRequest } from "../frontend/compile/types.js";
import type { GitRefs } from "./git/refs.js";
import type { Descriptor } from "../image/types.js";

export interface BuildRequest extends Omit<CompileRequest, "images" | "ignorePatterns"> {
  /** Folder of the build context; unset when there is none (`tsbuild -` with a lone Dockerfile). */
  readonly contextDir?: string | undefined;
  /** Folders of the local named contexts, by name. */
  readonly contextDirs: ReadonlyMap<string, string>;
  /** Path of the ignore file for `context` when it is not `.dockerignore` in its root (`Dockerfile.dockerignore`). */
  readonly ignoreFile?: string | undefined;
  /** Files behind addresses that were fetched for this build already: a context that is an archive. */
  readonly downloads?: ReadonlyMap<string, HttpRecord> | undefined;
  /** What refs of git repositories mean, where that was found out for this build already: a context that is a repository. */
  readonly gitRefs?: GitRefs | undefined;
  /** Full names the image is stored under (`docker.io/library/app:latest`). */
  readonly tags: readonly string[];
  readonly outputs: readonly Output[];
  readonly secrets: ReadonlyMap<string, SecretSource>;
  /** Agents for RUN --mount=type=ssh and for git repositories reached by ssh. */
  readonly ssh: ReadonlyMap<string, SshSource>;
  readonly pull: PullMode;
  /** Of RUN steps, in place of the host's. */
  readonly dns: StepDns;
  /** RUN steps at the same time at most. */
  readonly maxParallelism: number;
  /** True when diffIDs have to be known: -t, --iidfile, --metadata-file, or an output that is an image. */
  readonly wantsImageId: boolean;
  /** Hosts (with port) that may be spoken to in plain HTTP besides those of this machine. */
  readonly insecureRegistries: readonly string[];
  readonly events: EventSink;
}

/** Each list, when it isn't empty, takes the place of the host's. */
export interface StepDns {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/**
 * When the registry is asked for a base image: `newer` is `always` where that goes well, and what is here otherwise;
 * with `never` nothing of an image is fetched, layers included.
 */
export type PullMode = "always" | "newer" | "missing" | "never";

export type SecretSource = { readonly type: "file"; readonly path: string } | { readonly type: "env"; readonly name: string };

export type SshSource =
  /** Of an agent that runs already. */
  | { readonly type: "socket"; readonly path: string }
  /** Private keys, for an agent of the build's own. */
  | { readonly type: "keys"; readonly paths: readonly string[] };

export type Output =
  | { readonly type: "image"; readonly attributes: OutputAttributes }
  | { readonly type: "oci" | "docker"; readonly dest: string | "-"; readonly attributes: OutputAttributes }
  | { readonly type: "local"; readonly dest: string; readonly attributes: OutputAttributes }
  | { readonly type: "tar"; readonly dest: string | "-"; readonly attributes: OutputAttributes };

/** As given (`name`, `compression`, `oci-mediatypes`, …); the exporter refuses those it doesn't know. */
export type OutputAttributes = Readonly<Record<string, string>>;

export interface BuildResult {
  /** The image ID: digest of the config. Unset when nothing asked for it. */
  readonly imageId?: Digest | undefined;
  /** What a tag of it points at. */
  readonly target?: Descriptor | undefined;
  /** As BuildKit's metadata file names them: containerimage.digest, containerimage.config.digest, containerimage.descriptor, image.name; buildx.build.ref. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Names the build in `builds/`. */
  readonly buildId: string;
}
