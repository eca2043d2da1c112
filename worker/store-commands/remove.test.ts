import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256Digest } from "../../base/digest.js";
import { familiarName, formatReference, parseReference, withDefaultTag } from "../../image/reference.js";
import type { StoredImage } from "./catalog.js";
import { decideRemoval, type ImageUser } from "./remove.js";

const D1 = sha256Digest("1");
const RUNNING: ImageUser = { id: "r".repeat(64), isRunning: true };
const STOPPED: ImageUser = { id: "s".repeat(64), isRunning: false };

function image(names: readonly string[]): StoredImage {
  const references = names.map((name) => withDefaultTag(parseReference(name)));
  const record = { id: D1, target: { mediaType: "m", digest: D1, size: 1 }, manifest: D1, createdAtMs: 0 };
  return {
    id: D1,
    record,
    records: [record],
    tags: references.filter(({ digest }) => digest === undefined),
    digests: references.filter(({ digest }) => digest !== undefined),
    config: { architecture: "amd64", os: "linux", config: {}, rootfs: { type: "layers", diff_ids: [] }, history: [] },
  };
}

interface Case {
  readonly names: readonly string[];
  /** Unset: by its ID. */
  readonly by?: string;
  readonly users?: readonly ImageUser[];
  readonly force?: boolean;
}

function decided({ names, by, users = [], force = false }: Case): string {
  const name = by === undefined ? undefined : withDefaultTag(parseReference(by));
  const known = image(names);
  const own = [...known.tags, ...known.digests].find((each) => name !== undefined && formatReference(each) === formatReference(name));
  const { untag, deletes } = decideRemoval({ image: known, name: own }, { text: by ?? "id", users, force });
  return `${untag.map((each) => familiarName(each).replace(D1, "D1")).join(" ")}${deletes ? " +" : ""}`;
}

for (const [title, given, expected] of [
  ["its only name: it goes", { names: ["a"], by: "a" }, "a:latest +"],
  ["one of two names: only that", { names: ["a", "b"], by: "a" }, "a:latest"],
  ["the last tag of a repository takes its digest along", { names: ["a", `a@${D1}`], by: "a" }, "a:latest a@D1 +"],
  ["another tag of the repository keeps the digest", { names: ["a:1", "a:2", `a@${D1}`], by: "a:1" }, "a:1"],
  ["a digest alone", { names: ["a", `a@${D1}`], by: `a@${D1}` }, "a@D1"],
  ["by ID with one name", { names: ["a", `a@${D1}`] }, "a:latest a@D1 +"],
  ["by ID without a name", { names: [] }, " +"],
  ["by ID with several names, forced", { names: ["a", "b"], force: true }, "a:latest b:latest +"],
  ["a stopped container, forced", { names: ["a"], by: "a", users: [STOPPED], force: true }, "a:latest +"],
  ["a running container, forced: the image stays", { names: ["a"], by: "a", users: [RUNNING], force: true }, "a:latest"],
  ["one of two names of a used image", { names: ["a", "b"], by: "a", users: [RUNNING] }, "a:latest"],
] as const satisfies readonly (readonly [string, Case, string])[]) {
  test(title, () => assert.equal(decided(given), expected));
}

for (const [title, given, message] of [
  [
    "the only name of a used image is refused",
    { names: ["a"], by: "a", users: [STOPPED] },
    /unable to remove repository reference "a" \(must force\) - container s{12} is using/,
  ],
  ["several names by ID are refused", { names: ["a", "b"] }, /\(must be forced\) - image is referenced in multiple repositories/],
  [
    "a stopped container is a reason by ID",
    { names: ["a"], users: [STOPPED] },
    /\(must be forced\) - image is being used by stopped container s{12}$/,
  ],
  [
    "a running container is one that can't be forced",
    { names: ["a"], users: [RUNNING], force: true },
    /\(cannot be forced\) - image is being used by running container r{12}$/,
  ],
] as const satisfies readonly (readonly [string, Case, RegExp])[]) {
  test(title, () => assert.throws(() => decided(given), { code: "IMAGE_IN_USE", message }));
}
