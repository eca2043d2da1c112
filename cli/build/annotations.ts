/** `--annotation [PLACE[,PLACE…]:]KEY=VALUE`, where a PLACE may have a platform: `manifest[linux/arm64]`. */
import { TsbuildError } from "../../base/errors.js";
import type { Output, OutputAttributes } from "../../worker/types.js";

const PLACE = String.raw`[a-z-]+(?:\[[\w/.-]+\])?`;
const ANNOTATION = new RegExp(`^(?:(${PLACE}(?:,${PLACE})*):)?([^=\\s][^=]*)=(.*)$`, "s");

/**
 * The annotations as attributes of an output: `annotation-index.KEY`. What the places mean, the exporter knows.
 * @throws {TsbuildError} USAGE
 */
export function annotationAttributes(texts: readonly string[]): OutputAttributes {
  return Object.fromEntries(texts.flatMap(readOne));
}

function readOne(text: string): readonly (readonly [name: string, value: string])[] {
  const [whole, places = "manifest", key, value] = ANNOTATION.exec(text) ?? [];
  if (whole === undefined || value === undefined) {
    throw new TsbuildError("USAGE", `--annotation "${text}" is not of the form [PLACE:]KEY=VALUE`, {
      hint: "for example --annotation org.opencontainers.image.licenses=MIT, or index:KEY=VALUE",
    });
  }
  return places.split(/,(?![^[]*\])/).map((place) => [`annotation-${place}.${key}`, value]);
}

/** To every output that is an image. @throws {TsbuildError} USAGE when none is */
export function annotated(outputs: readonly Output[], texts: readonly string[]): readonly Output[] {
  if (texts.length === 0) return outputs;
  const attributes = annotationAttributes(texts);
  const isImage = ({ type }: Output): boolean => type === "image" || type === "oci" || type === "docker";
  if (!outputs.some(isImage)) {
    throw new TsbuildError("USAGE", "--annotation: none of the outputs is an image, so there is nothing to annotate", {
      hint: "give the image a name (-t), or leave --annotation out",
    });
  }
  return outputs.map((output) => (isImage(output) ? { ...output, attributes: { ...output.attributes, ...attributes } } : output));
}
