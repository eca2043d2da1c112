import { statSync } from "node:fs";
import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import type { EventSink } from "../../base/events.js";
import { hostPlatform, parsePlatform, type Platform, samePlatform } from "../../base/platform.js";
import type { NamedContext } from "../../frontend/compile/types.js";
import { formatReference, parseReference, withDefaultTag } from "../../image/reference.js";
import type { BuildRequest, Output, PullMode } from "../../worker/types.js";
import { insecureRegistries } from "../values/insecure-registries.js";
import { keyValues } from "../values/key-value.js";
import { parseBoolean, parseCount } from "../values/numbers.js";
import { annotated } from "./annotations.js";
import { buildArguments, withProxies } from "./build-args.js";
import { contextFolder, readDockerfile } from "./dockerfile.js";
import { parseExtraHosts } from "./extra-hosts.js";
import type { BuildFlags } from "./flags.js";
import { isSshContext } from "./git-context.js";
import { parseLimits, withResources } from "./limits.js";
import { parseNamedContexts } from "./named-context.js";
import { parseOutput } from "./output.js";
import { configuredProxies } from "./proxies.js";
import type { LoadedInputs } from "./remote-inputs.js";
import { parseSecrets } from "./secrets.js";
import { parseSsh } from "./ssh.js";

export interface Surroundings {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly events: EventSink;
}

const ENTITLEMENTS: ReadonlySet<string> = new Set(["network.host", "security.insecure"]);
const STEPS_PER_CORE = 4;
const LEAST_STEPS = 32;

/**
 * What the flags ask of the worker. Reads the Dockerfile, but for what was loaded from elsewhere.
 * @throws {TsbuildError} USAGE and what its parts throw
 */
export function buildRequest(flags: BuildFlags, { cwd, env, events }: Surroundings, loaded: LoadedInputs = {}): BuildRequest {
  const contextDir = loaded.context === undefined ? contextFolder(flags.context, cwd) : undefined;
  const dockerfile = loaded.dockerfile ?? readDockerfile(flags.file, { cwd, context: contextDir ?? cwd });
  const named = parseNamedContexts(flags.buildContext, cwd);
  const buildArgs = withProxies(buildArguments(flags, { cwd, env }), configuredProxies(env, events));
  const outputs = outputsOf(flags, cwd);
  const network = networkMode(flags.network);
  return {
    dockerfile: dockerfile.source,
    contextDir,
    ignoreFile: ignoreFileOf(flags.ignorefile, { cwd, contextDir }) ?? dockerfile.ignoreFile,
    target: flags.target === "" ? undefined : flags.target,
    platforms: platformsOf(flags.platform),
    buildPlatform: hostPlatform(),
    buildArgs,
    labels: keyValues("--label", flags.label, () => ""),
    noCache: flags.noCache,
    noCacheStages: flags.noCacheFilter,
    ...named,
    buildContexts: new Map([...mainContext(loaded), ...named.buildContexts]),
    downloads: loaded.context?.downloads,
    gitRefs: loaded.context?.gitRefs,
    network,
    extraHosts: parseExtraHosts(flags.addHost),
    limits: parseLimits(withResources(flags.limits, flags.resource)),
    allow: entitlements(flags.allow, network),
    sourceDateEpoch: sourceDateEpoch(buildArgs.get("SOURCE_DATE_EPOCH")),
    tags: flags.tag.map(fullName),
    outputs,
    secrets: parseSecrets(flags.secret, { cwd, env }),
    ssh: sshSources(flags, { cwd, env }),
    pull: pullMode(flags.pull),
    dns: stepDns(flags),
    maxParallelism: maxParallelism(flags.maxParallelism),
    insecureRegistries: insecureRegistries(flags.insecureRegistry, env),
    wantsImageId: wantsImageId(flags, outputs),
    events,
  };
}

/** What a repository needs that is fetched before the request is made. */
export function gitInputs(flags: BuildFlags, around: Omit<Surroundings, "events">): Pick<BuildRequest, "secrets" | "ssh" | "buildArgs"> {
  return {
    secrets: parseSecrets(flags.secret, around),
    ssh: sshSources(flags, around),
    buildArgs: buildArguments(flags, around),
  };
}

function sshSources({ ssh, context, buildContext }: BuildFlags, { cwd, env }: Omit<Surroundings, "events">): BuildRequest["ssh"] {
  const contexts = [context, ...buildContext.map((text) => text.slice(text.indexOf("=") + 1))];
  return parseSsh(ssh, { cwd, env, isWanted: ssh.length === 0 && contexts.some((text) => isSshContext(text, cwd)) });
}

/** A context that is an archive or a repository has a name already, unless --build-context gives that to another. */
function mainContext({ context }: LoadedInputs): readonly (readonly [string, NamedContext])[] {
  return context?.context === undefined ? [] : [["context", context.context]];
}

function ignoreFileOf(
  path: string | undefined,
  { cwd, contextDir }: { readonly cwd: string; readonly contextDir: string | undefined },
): string | undefined {
  if (path === undefined) return undefined;
  if (contextDir === undefined) {
    throw new TsbuildError("USAGE", `--ignorefile ${path}: the build context is no folder of this machine`, {
      hint: "put a .dockerignore into the context",
    });
  }
  const full = resolve(cwd, path);
  if (statSync(full, { throwIfNoEntry: false })?.isFile() === true) return full;
  throw new TsbuildError("USAGE", `--ignorefile ${path}: there is no such file`);
}

/** @throws {TsbuildError} USAGE */
function stepDns({ dns, dnsSearch, dnsOption }: BuildFlags): BuildRequest["dns"] {
  const wrong = dns.find((address) => isIP(address) === 0);
  if (wrong !== undefined) throw new TsbuildError("USAGE", `--dns ${wrong} is not an IP address`);
  return { servers: dns, search: dnsSearch, options: dnsOption };
}

/** Also buildx's and Docker's switch, on and off. */
function pullMode(text: string | undefined): PullMode {
  if (text === "always" || text === "newer" || text === "missing" || text === "never") return text;
  const isOn = text === undefined ? false : parseBoolean(text);
  if (isOn === undefined) throw new TsbuildError("USAGE", `--pull=${text}: it is always, newer, missing or never`);
  return isOn ? "always" : "missing";
}

/** Without --output the image is kept in the store, when something names or asks for it. --push pushes the image outputs. */
function outputsOf(flags: BuildFlags, cwd: string): readonly Output[] {
  const given = flags.output.map((text) => parseOutput(text, cwd)).filter((output) => output !== undefined);
  const isKept = flags.load || flags.push || (flags.output.length === 0 && asksForImage(flags));
  const hasImage = given.some((output) => output.type === "image");
  const outputs: readonly Output[] = isKept && !hasImage ? [...given, { type: "image", attributes: {} }] : given;
  checkPushByDigest(flags.tag, outputs);
  return annotated(flags.push ? outputs.map(pushed) : outputs, flags.annotation);
}

/** A tag by hand, and a push that gives none. The name alone is fine: it says where to. */
function checkPushByDigest(tags: readonly string[], outputs: readonly Output[]): void {
  const isByDigest = outputs.some(({ attributes }) => ["", "1", "true"].includes(attributes["push-by-digest"] ?? "false"));
  const tagged = tags.find((tag) => parseReference(tag).tag !== undefined);
  if (!isByDigest || tagged === undefined) return;
  throw new TsbuildError("USAGE", `--tag ${tagged}: push-by-digest=true gives no tag, so the name can't have one`, {
    hint: "leave the tag away: the name alone says where to push",
  });
}

function pushed(output: Output): Output {
  return output.type === "image" ? { ...output, attributes: { ...output.attributes, push: "true" } } : output;
}

function asksForImage(flags: BuildFlags): boolean {
  return (
    flags.tag.length > 0 || flags.annotation.length > 0 || flags.quiet || flags.iidfile !== undefined || flags.metadataFile !== undefined
  );
}

function wantsImageId(flags: BuildFlags, outputs: readonly Output[]): boolean {
  return asksForImage(flags) || outputs.some((output) => output.type === "image" || output.type === "oci" || output.type === "docker");
}

function platformsOf(texts: readonly string[]): readonly Platform[] {
  const platforms: Platform[] = [];
  for (const text of texts) {
    const platform = text === "local" ? hostPlatform() : parsePlatform(text.trim());
    if (!platforms.some((known) => samePlatform(known, platform))) platforms.push(platform);
  }
  return platforms;
}

function fullName(tag: string): string {
  const reference = parseReference(tag);
  if (reference.digest === undefined) return formatReference(withDefaultTag(reference));
  throw new TsbuildError("USAGE", `--tag ${tag}: a name to be given can't have a digest`);
}

function networkMode(text: string): "default" | "none" | "host" {
  if (text === "none" || text === "host" || text === "default") return text;
  if (text === "" || text === "bridge") return "default";
  throw new TsbuildError("USAGE", `--network ${text}: steps have the network default, none or host`);
}

/** --network host grants it, as buildx does: who asks for it by hand means it. */
function entitlements(texts: readonly string[], network: string): ReadonlySet<string> {
  for (const text of texts) {
    if (!ENTITLEMENTS.has(text)) throw new TsbuildError("USAGE", `--allow ${text}: only ${[...ENTITLEMENTS].join(" and ")} can be allowed`);
  }
  return new Set(network === "host" ? [...texts, "network.host"] : texts);
}

function sourceDateEpoch(text: string | undefined): number | undefined {
  return text === undefined || text === "" ? undefined : parseCount("SOURCE_DATE_EPOCH", text, 0);
}

function maxParallelism(text: string | undefined): number {
  if (text !== undefined) return parseCount("--max-parallelism", text, 1);
  return Math.max(LEAST_STEPS, STEPS_PER_CORE * availableParallelism());
}
