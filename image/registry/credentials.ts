/**
 * Who we are to a registry: Docker's config.json (auths, credHelpers, credsStore) and DOCKER_AUTH_CONFIG.
 * What is read here goes into Authorization headers and token requests, and nowhere else.
 */
import { readFile } from "node:fs/promises";
import { isErrno, TsbuildError } from "../../base/errors.js";
import { fieldsOf, optionalObject, optionalString, type Fields } from "../json-fields.js";
import { parseStrictJson } from "../strict-json.js";
import { dockerConfigPath } from "./config-path.js";
import { askHelper } from "./credential-helper.js";
import type { Environment } from "./proxy.js";

export type Credentials =
  | { readonly type: "password"; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token. */
  | { readonly type: "identity-token"; readonly token: string };

/** Finds the credentials for a registry (`docker.io`, `localhost:5000`), or undefined for going there anonymously. */
export type CredentialSource = (registry: string, signal: AbortSignal) => Promise<Credentials | undefined>;

export interface DockerCredentialOptions {
  readonly env: Environment;
  /** Told when something configured could not be used and the way goes on without it. */
  readonly onNote?: ((message: string) => void) | undefined;
}

const HUB_KEY = "https://index.docker.io/v1/";
const MAX_CONFIG_BYTES = 1024 * 1024;

/** Reads the files anew at each question: a login in another terminal counts at once. */
export function dockerCredentials(options: DockerCredentialOptions): CredentialSource {
  return async (registry, signal) => {
    const inline = options.env["DOCKER_AUTH_CONFIG"];
    if (inline !== undefined && inline !== "") {
      const found = fromAuths(parseConfig(Buffer.from(inline), "DOCKER_AUTH_CONFIG"), registry);
      if (found !== undefined) return found;
    }
    const config = await readConfig(options.env);
    if (config === undefined) return undefined;
    return (await fromHelper(config, registry, options, signal)) ?? fromAuths(config, registry);
  };
}

/** The key under which credentials of a registry are filed. */
export function credentialKey(registry: string): string {
  return registry === "docker.io" ? HUB_KEY : registry;
}

async function readConfig(env: Environment): Promise<Fields | undefined> {
  const path = dockerConfigPath(env);
  try {
    return parseConfig(await readFile(path), path);
  } catch (cause) {
    if (isErrno(cause, "ENOENT", "ENOTDIR")) return undefined;
    if (cause instanceof TsbuildError) throw cause;
    throw new TsbuildError("REGISTRY_CREDENTIALS", `${path} can't be read`, { cause });
  }
}

function parseConfig(bytes: Buffer, name: string): Fields {
  try {
    return fieldsOf(parseStrictJson(bytes, { what: name, maxBytes: MAX_CONFIG_BYTES }), name);
  } catch (cause) {
    throw new TsbuildError("REGISTRY_CREDENTIALS", `${name} is not a valid Docker configuration`, { cause });
  }
}

async function fromHelper(
  config: Fields,
  registry: string,
  options: DockerCredentialOptions,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const helpers = optionalObject(config, "credHelpers");
  const key = helpers === undefined ? undefined : Object.keys(helpers.object).find((name) => isFor(name, registry));
  const own = helpers === undefined || key === undefined ? undefined : optionalString(helpers, key);
  const name = own || optionalString(config, "credsStore");
  if (name === undefined || name === "") return undefined;
  const answer = await askHelper({ name, server: credentialKey(registry), env: options.env }, signal);
  if (answer.type === "missing") {
    options.onNote?.(`the credential helper docker-credential-${name} is not installed; going on without it`);
    return undefined;
  }
  if (answer.type === "none") return undefined;
  return answer.username === "<token>"
    ? { type: "identity-token", token: answer.secret }
    : { type: "password", username: answer.username, password: answer.secret };
}

function fromAuths(config: Fields, registry: string): Credentials | undefined {
  const auths = optionalObject(config, "auths");
  const key = auths === undefined ? undefined : Object.keys(auths.object).find((name) => isFor(name, registry));
  const entry = auths === undefined || key === undefined ? undefined : optionalObject(auths, key);
  if (entry === undefined) return undefined;
  const token = optionalString(entry, "identitytoken");
  if (token !== undefined && token !== "") return { type: "identity-token", token };
  const auth = optionalString(entry, "auth");
  const pair = auth === undefined || auth === "" ? undefined : Buffer.from(auth, "base64").toString("utf8").replace(/\0+$/, "");
  const colon = pair?.indexOf(":") ?? -1;
  if (pair !== undefined && colon < 0) throw new TsbuildError("REGISTRY_CREDENTIALS", `${entry.path}.auth is not base64 of user:password`);
  const username = pair === undefined ? optionalString(entry, "username") : pair.slice(0, colon);
  const password = pair === undefined ? optionalString(entry, "password") : pair.slice(colon + 1);
  return username ? { type: "password", username, password: password ?? "" } : undefined;
}

/** Old files say `https://registry/v1/` where newer ones say `registry`. */
function isFor(key: string, registry: string): boolean {
  const host = key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  if (registry === "docker.io") return host === "index.docker.io" || host === "docker.io" || host === "registry-1.docker.io";
  return host === registry;
}
