/** A compiled build as text, for golden files: every vertex in order, then what becomes of it. */
import { topological, type Vertex } from "../../llb/graph.js";
import type { CompiledBuild, CompiledTarget } from "./types.js";

export function graphText({ graph, targets, warnings }: CompiledBuild): string {
  const roots = targets.flatMap(({ root }) => (root === undefined ? [] : [root]));
  const vertices = topological(roots);
  const numberOf = (vertex: Vertex): number => vertices.findIndex(({ digest }) => digest === vertex.digest);
  const blocks = vertices.map((vertex) => {
    const { name, place, location, ignoreCache, isInternal, args } = graph.meta(vertex);
    const lines = location?.ranges.map(({ start, end }) => `${start.line}-${end.line}`).join(",") ?? "-";
    const marks = [...(isInternal ? ["internal"] : []), ...(ignoreCache ? ["ignores cache"] : []), ...(args ?? [])].join(" ");
    return [
      `#${numberOf(vertex)} ${name}`,
      `  place ${place} lines ${lines} ${marks}`.trimEnd(),
      `  inputs ${vertex.inputs.map(numberOf).join(" ")}`.trimEnd(),
      `  ${JSON.stringify(vertex.op)}`,
    ].join("\n");
  });
  return [
    ...blocks,
    ...targets.map((target) => targetText(target, numberOf)),
    ...warnings.map(({ message }) => `warning ${message}`),
    "",
  ].join("\n");
}

function targetText({ platform, root, image, secretIds }: CompiledTarget, numberOf: (vertex: Vertex) => number): string {
  const history = image.history.map(({ created_by: by, empty_layer: isEmpty }) => `  ${isEmpty === true ? "empty" : "layer"} ${by ?? ""}`);
  const head = `target ${JSON.stringify(platform)} root ${root === undefined ? "none" : `#${numberOf(root)}`} secrets [${secretIds.join(" ")}]`;
  return [head, `  ${JSON.stringify(image.config)}`, ...history].join("\n");
}
