import { type Digest, digestOf } from "../base/digest.js";
import type { SourceLocation } from "../base/source.js";
import type { Op } from "./op.js";

/** An op with its inputs. One output: a filesystem. Equal vertices of one graph are one object. */
export interface Vertex {
  readonly digest: Digest;
  readonly op: Op;
  readonly inputs: readonly Vertex[];
}

/** What people are told about a vertex; never part of its digest. */
export interface VertexMeta {
  /** `[build 2/5] RUN make`, with variables expanded. */
  readonly name: string;
  readonly location?: SourceLocation | undefined;
  /** The stage's name or index. */
  readonly stage?: string | undefined;
  /** Where in the Dockerfile this is, stable over small edits: `stage/instruction-number`. Records of the same place are compared to explain a miss. */
  readonly place: string;
  /** Run even when a record exists (--no-cache, --no-cache-filter). */
  readonly ignoreCache: boolean;
  /** Made by the builder, not by an instruction: not listed as a step. */
  readonly isInternal: boolean;
  /** Build arguments visible to this step: `NAME=value`, to name them in reasons. */
  readonly args?: readonly string[] | undefined;
}

/** Makes vertices, each once, and remembers what to tell about them. */
export class Graph {
  readonly #vertices = new Map<Digest, Vertex>();
  readonly #meta = new Map<Digest, VertexMeta>();

  add(op: Op, inputs: readonly Vertex[], meta: VertexMeta): Vertex {
    const digest = digestOf({ op: op as never, inputs: inputs.map((input) => input.digest) });
    const known = this.#vertices.get(digest);
    if (known !== undefined) {
      this.#joinMeta(digest, meta);
      return known;
    }
    const vertex: Vertex = { digest, op, inputs };
    this.#vertices.set(digest, vertex);
    this.#meta.set(digest, meta);
    return vertex;
  }

  meta(vertex: Vertex): VertexMeta {
    const meta = this.#meta.get(vertex.digest);
    if (meta === undefined) throw new Error(`Internal error: vertex ${vertex.digest} is not of this graph`);
    return meta;
  }

  get size(): number {
    return this.#vertices.size;
  }

  /** The same step asked for twice keeps its first name; it ignores the cache when either asks for that. */
  #joinMeta(digest: Digest, meta: VertexMeta): void {
    const first = this.#meta.get(digest);
    if (first !== undefined && meta.ignoreCache && !first.ignoreCache) this.#meta.set(digest, { ...first, ignoreCache: true });
  }
}

/** Every vertex that `roots` need, inputs before users. */
export function topological(roots: readonly Vertex[]): Vertex[] {
  const ordered: Vertex[] = [];
  const seen = new Set<Digest>();
  const stack: { vertex: Vertex; next: number }[] = [];
  for (const root of roots) {
    if (seen.has(root.digest)) continue;
    seen.add(root.digest);
    stack.push({ vertex: root, next: 0 });
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.vertex.inputs[top.next++];
      if (input === undefined) {
        ordered.push(top.vertex);
        stack.pop();
      } else if (!seen.has(input.digest)) {
        seen.add(input.digest);
        stack.push({ vertex: input, next: 0 });
      }
    }
  }
  return ordered;
}
