/**
 * Dockerfiles as people write them (testdata/corpus): each compiles to the graph beside it. `request.json` says what the
 * command line would; `images.json` what the images' configs are, by name without tag.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { digestOf } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import { formatPlatform, parsePlatform, type Platform } from "../../base/platform.js";
import type { ContainerConfig } from "../../image/types.js";
import { graphText } from "./graph-text.js";
import { fullImageName } from "./image-name.js";
import { compileText } from "./request-fixture.js";
import type { CompileRequest, ImageResolver, NamedContext } from "./types.js";

const CORPUS = new URL("../../../../testdata/corpus/", import.meta.url);

/** All members optional; those of objects as the request's maps. */
interface Asked {
  readonly target?: string;
  readonly platforms?: readonly string[];
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly buildContexts?: Readonly<Record<string, NamedContext>>;
  readonly noCacheStages?: readonly string[];
}

class CorpusImages implements ImageResolver {
  readonly #configs: Readonly<Record<string, ContainerConfig>>;

  constructor(configs: Readonly<Record<string, ContainerConfig>>) {
    this.#configs = configs;
  }

  resolve(reference: string, platform: Platform): ReturnType<ImageResolver["resolve"]> {
    const full = reference.startsWith("oci-layout:") ? reference : fullImageName(reference);
    const config = reference.startsWith("oci-layout:")
      ? {}
      : this.#configs[full.replace(/^docker\.io\/(?:library\/)?/, "").replace(/:[^:/]*$/, "")];
    if (config === undefined) return Promise.reject(new TsbuildError("IMAGE_NOT_FOUND", `${reference}: not found`));
    const manifest = digestOf([full, formatPlatform(platform)]);
    const rootfs = { type: "layers", diff_ids: [digestOf([full, "layer"])] } as const;
    return Promise.resolve({
      ref: `${full}@${manifest}`,
      manifest,
      config: { ...platform, config, rootfs, history: [{ created_by: `base ${reference}` }] },
    });
  }
}

function readJson<T>(url: URL): T {
  return JSON.parse(readFileSync(url, "utf8")) as T;
}

const images = new CorpusImages(readJson(new URL("images.json", CORPUS)));

function requestOf(folder: URL): Partial<CompileRequest> {
  const file = new URL("request.json", folder);
  const {
    target,
    platforms = [],
    buildArgs = {},
    labels = {},
    buildContexts = {},
    noCacheStages = [],
  } = existsSync(file) ? readJson<Asked>(file) : {};
  return {
    target,
    images,
    noCacheStages,
    platforms: platforms.map(parsePlatform),
    buildArgs: new Map(Object.entries(buildArgs)),
    labels: new Map(Object.entries(labels)),
    buildContexts: new Map(Object.entries(buildContexts)),
  };
}

const names = readdirSync(CORPUS, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));

for (const name of names) {
  test(`the corpus: ${name}`, async () => {
    const folder = new URL(`${name}/`, CORPUS);
    const actual = graphText(await compileText(readFileSync(new URL("Dockerfile", folder), "utf8"), requestOf(folder)));
    const golden = new URL("graph.txt", folder);
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(golden, actual);
    assert.equal(actual, readFileSync(golden, "utf8"));
  });
}
