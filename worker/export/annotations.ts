/**
 * Annotations that an output's attributes ask for: `annotation.KEY`, `annotation-PLACE.KEY`, `annotation-PLACE[PLATFORM].KEY`,
 * as BuildKit's image exporter names them.
 */
import { TsbuildError } from "../../base/errors.js";
import { formatPlatform, parsePlatform, type Platform } from "../../base/platform.js";

/** The manifest of a platform, the index over several, and the descriptors that point at either. */
export const ANNOTATION_PLACES = ["manifest", "index", "manifest-descriptor", "index-descriptor"] as const;
export type AnnotationPlace = (typeof ANNOTATION_PLACES)[number];

export interface Annotation {
  readonly place: AnnotationPlace;
  /** Only there; unset: for every platform. */
  readonly platform?: string | undefined;
  readonly key: string;
  readonly value: string;
}

const ATTRIBUTE = /^annotation(?:-([a-z-]+))?(?:\[([^\]]*)\])?\.(.+)$/s;

/** Undefined for an attribute that is about something else. @throws {TsbuildError} OUTPUT_INVALID */
export function readAnnotation(name: string, value: string): Annotation | undefined {
  const [whole, place = "manifest", platform, key] = ATTRIBUTE.exec(name) ?? [];
  if (whole === undefined || key === undefined) return undefined;
  const known = ANNOTATION_PLACES.find((each) => each === place);
  if (known === undefined) {
    throw new TsbuildError("OUTPUT_INVALID", `output attribute "${name}": there is no annotation of a "${place}"`, {
      hint: `annotations are of ${ANNOTATION_PLACES.join(", ")}`,
    });
  }
  if (platform === undefined) return { place: known, key, value };
  if (known === "index" || known === "index-descriptor")
    throw new TsbuildError("OUTPUT_INVALID", `output attribute "${name}": an index is of all platforms, not of ${platform}`);
  return { place: known, platform: formatPlatform(parsePlatform(platform)), key, value };
}

/** What a manifest or an index of the store has already, to be said of its successor. */
export function annotationsFrom(place: AnnotationPlace, known: Readonly<Record<string, string>> | undefined): readonly Annotation[] {
  return Object.entries(known ?? {}).map(([key, value]) => ({ place, key, value }));
}

/** Those of one place; what is said of the platform goes before what is said of all. Undefined when there are none. */
export function annotationsOf(
  annotations: readonly Annotation[],
  place: AnnotationPlace,
  platform?: Platform,
): Readonly<Record<string, string>> | undefined {
  const shown = platform === undefined ? undefined : formatPlatform(platform);
  const here = annotations.filter((each) => each.place === place);
  const found = [
    ...here.filter((each) => each.platform === undefined),
    ...here.filter((each) => each.platform !== undefined && each.platform === shown),
  ];
  return found.length === 0 ? undefined : Object.fromEntries(found.map(({ key, value }) => [key, value]));
}

/**
 * An annotation that would come to nothing is a mistake: of an index where there is none, or of a platform that isn't built.
 * @throws {TsbuildError} OUTPUT_INVALID
 */
export function checkAnnotations(annotations: readonly Annotation[], platforms: readonly Platform[]): void {
  const names = platforms.map(formatPlatform);
  for (const { place, platform, key } of annotations) {
    if (platforms.length < 2 && (place === "index" || place === "index-descriptor")) {
      throw new TsbuildError("OUTPUT_INVALID", `the annotation ${key} is for an index, and an image of one platform has none`, {
        hint: "annotate its manifest, or build for several platforms",
      });
    }
    if (platform !== undefined && !names.includes(platform)) {
      throw new TsbuildError("OUTPUT_INVALID", `the annotation ${key} is for ${platform}, which isn't built`, {
        hint: `the platforms are ${names.join(", ")}`,
      });
    }
  }
}
