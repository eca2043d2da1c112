/**
 * Names of containers. A name is a small file in `container-names` that holds the ID; it is void when there is no
 * container of that ID.
 */
import { randomInt } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { TsbuildError, isErrno } from "../../base/errors.js";
import { publishFile } from "../../cache/record-file.js";
import type { Store } from "../../cache/store.js";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,200}$/;
const ATTEMPTS = 20;

const ADJECTIVES = [
  "amber",
  "ancient",
  "bold",
  "brave",
  "bright",
  "brisk",
  "calm",
  "careful",
  "cheerful",
  "clever",
  "cosy",
  "curious",
  "daring",
  "eager",
  "early",
  "fair",
  "fearless",
  "fond",
  "gentle",
  "glad",
  "golden",
  "grand",
  "happy",
  "hardy",
  "honest",
  "humble",
  "jolly",
  "keen",
  "kind",
  "lively",
  "lucky",
  "merry",
  "mild",
  "modest",
  "nimble",
  "noble",
  "patient",
  "plucky",
  "polite",
  "proud",
  "quick",
  "quiet",
  "ready",
  "rosy",
  "silent",
  "silver",
  "sleepy",
  "smooth",
  "snug",
  "solid",
  "steady",
  "sunny",
  "swift",
  "tidy",
  "tranquil",
  "trusty",
  "upbeat",
  "vivid",
  "warm",
  "wise",
];
const NOUNS = [
  "acorn",
  "anchor",
  "badger",
  "beacon",
  "beaver",
  "birch",
  "bison",
  "brook",
  "canyon",
  "cedar",
  "cliff",
  "clover",
  "comet",
  "condor",
  "coral",
  "crane",
  "delta",
  "dolphin",
  "falcon",
  "fern",
  "finch",
  "fjord",
  "forest",
  "fox",
  "garnet",
  "glacier",
  "harbor",
  "hazel",
  "heron",
  "island",
  "ivy",
  "juniper",
  "lagoon",
  "lantern",
  "lark",
  "lynx",
  "maple",
  "marmot",
  "meadow",
  "moose",
  "nebula",
  "oak",
  "orchard",
  "osprey",
  "otter",
  "owl",
  "pebble",
  "pine",
  "plover",
  "quartz",
  "raven",
  "reef",
  "robin",
  "salmon",
  "sparrow",
  "spruce",
  "summit",
  "thistle",
  "valley",
  "willow",
];

/** `brave_otter`, with a digit when that is asked for. */
export function randomName(isLong: boolean): string {
  const name = `${pick(ADJECTIVES)}_${pick(NOUNS)}`;
  return isLong ? `${name}${randomInt(10)}${randomInt(10)}` : name;
}

function pick(words: readonly string[]): string {
  return words[randomInt(words.length)] ?? "";
}

/** @throws {TsbuildError} CONTAINER_NAME_INVALID */
export function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new TsbuildError("CONTAINER_NAME_INVALID", `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
}

/**
 * Gives the container `id`, whose folder exists, the name `wanted`, or a random one. Returns the name.
 * @throws {TsbuildError} CONTAINER_NAME_TAKEN
 */
export async function claimName(
  store: Store,
  { id, wanted, signal }: { readonly id: string; readonly wanted: string | undefined; readonly signal: AbortSignal },
): Promise<string> {
  await using _lock = await store.locks.acquire("container-names", { signal });
  if (wanted !== undefined) {
    const owner = containerNamed(store, wanted);
    if (owner !== undefined && owner !== id) throw nameTaken(wanted, owner);
    writeClaim(store, wanted, id);
    return wanted;
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const name = randomName(attempt >= ATTEMPTS / 2);
    if (containerNamed(store, name) !== undefined) continue;
    writeClaim(store, name, id);
    return name;
  }
  writeClaim(store, id, id);
  return id;
}

/** The ID of the container that has this name now. */
export function containerNamed(store: Store, name: string): string | undefined {
  const id = readClaim(store, name);
  return id !== undefined && existsSync(store.path("containers", id)) ? id : undefined;
}

/** Does nothing when the name has come to mean another container. */
export function releaseName(store: Store, name: string, id: string): void {
  if (NAME.test(name) && readClaim(store, name) === id) rmSync(claimPath(store, name), { force: true });
}

function writeClaim(store: Store, name: string, id: string): void {
  publishFile(claimPath(store, name), id, store.temp.name());
}

function readClaim(store: Store, name: string): string | undefined {
  try {
    const id = readFileSync(claimPath(store, name), "latin1");
    return /^[0-9a-f]{64}$/.test(id) ? id : undefined;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function claimPath(store: Store, name: string): string {
  return store.path("container-names", name);
}

function nameTaken(name: string, owner: string): TsbuildError {
  return new TsbuildError(
    "CONTAINER_NAME_TAKEN",
    `Conflict. The container name "/${name}" is already in use by container "${owner}". You have to remove (or rename) that container to be able to reuse that name.`,
    { hint: "choose another --name" },
  );
}
