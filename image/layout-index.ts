/** `index.json` and `oci-layout`: what an OCI layout says it has, under which names. Pure. */
import { parseStrictJson } from "./strict-json.js";
import { fieldsOf, optionalString } from "./json-fields.js";
import { MAX_MANIFEST_BYTES, parseIndex } from "./parse.js";
import { formatReference, parseReference, withDefaultTag, type Reference } from "./reference.js";
import { encodeIndex } from "./write.js";
import { invalidArchive } from "./tar-files.js";
import { MEDIA, type Descriptor } from "./types.js";

export const LAYOUT_BYTES: Buffer = Buffer.from('{"imageLayoutVersion":"1.0.0"}');

/** Full name, for containerd and Docker. */
const NAME = "io.containerd.image.name";
/** A tag, or for some tools a whole name (image-spec annotations.md). */
const REF_NAME = "org.opencontainers.image.ref.name";

export interface ImportedImage {
  /** Full name with a tag, when the layout has one. */
  readonly name?: string | undefined;
  /** `org.opencontainers.image.ref.name` as it stands, by which `oci-layout://folder:REF` chooses. */
  readonly refName?: string | undefined;
  /** Manifest or index, without the layout's annotations. */
  readonly descriptor: Descriptor;
}

/** The descriptor as index.json shall have it for this name. */
export function namedRoot(descriptor: Descriptor, reference: Reference): Descriptor {
  const { tag, ...rest } = withDefaultTag({ ...reference, digest: undefined });
  const annotations = { ...descriptor.annotations, [NAME]: formatReference({ ...rest, tag }), [REF_NAME]: tag ?? "latest" };
  return { ...descriptor, annotations };
}

export function indexBytes(roots: readonly Descriptor[]): Buffer {
  return encodeIndex({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: roots });
}

/** The older entries that stay, then the new ones: a name, and an image without one, is there once. */
export function mergedRoots(older: readonly Descriptor[], newer: readonly Descriptor[]): readonly Descriptor[] {
  const keyOf = ({ digest, annotations }: Descriptor): string => annotations?.[NAME] ?? annotations?.[REF_NAME] ?? digest;
  const replaced = new Set(newer.map(keyOf));
  return [...older.filter((entry) => !replaced.has(keyOf(entry))), ...newer];
}

export function rootsOf(index: Buffer): readonly Descriptor[] {
  return parseIndex(index, MEDIA.ociIndex).manifests;
}

/** @throws {TsbuildError} ARCHIVE_INVALID for another version of the layout, IMAGE_INVALID */
export function imagesOfIndex(index: Buffer, layout: Buffer | undefined): readonly ImportedImage[] {
  checkVersion(layout);
  return rootsOf(index).map(({ annotations, ...descriptor }) => {
    const refName = annotations?.[REF_NAME];
    const name = fullName(annotations?.[NAME]) ?? (refName !== undefined && /[/:]/.test(refName) ? fullName(refName) : undefined);
    return { ...(name === undefined ? {} : { name }), ...(refName === undefined ? {} : { refName }), descriptor };
  });
}

function checkVersion(layout: Buffer | undefined): void {
  if (layout === undefined) throw invalidArchive("it is not an OCI layout: the file oci-layout is missing");
  const fields = fieldsOf(parseStrictJson(layout, { what: "oci-layout", maxBytes: MAX_MANIFEST_BYTES }), "oci-layout");
  const version = optionalString(fields, "imageLayoutVersion");
  if (version === undefined || !version.startsWith("1."))
    throw invalidArchive(`it is an OCI layout of version ${JSON.stringify(version ?? null)}; known is 1.0.0`);
}

/** A name that can't be read is no name: the image is good all the same. */
export function fullName(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return formatReference(withDefaultTag({ ...parseReference(text), digest: undefined }));
  } catch {
    return undefined;
  }
}
