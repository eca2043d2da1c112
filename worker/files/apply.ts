/** Performs a FileOp's actions on a mounted tree. */
import type { Digest } from "../../base/digest.js";
import { unreachable } from "../../base/unreachable.js";
import type { FileAction, Owner } from "../../llb/op.js";
import type { Kernel } from "../../sys/types.js";
import { copySelection } from "./copy.js";
import type { ExpectedSelection } from "./copy.js";
import type { Ids } from "./destination.js";
import { Destination } from "./destination.js";
import { makeDir, makeFile, removePath } from "./make.js";
import type { OwnerLookup } from "./owner.js";
import { resolveOwner, ROOT } from "./owner.js";
import { Pace } from "./pace.js";
import { CHUNK_BYTES } from "./read-file.js";
import type { SourceView } from "./view.js";

export interface FileActionsRequest extends OwnerLookup {
  /** The tree that is changed: a writable mount, or an empty folder when the op has no base. */
  readonly root: string;
  readonly actions: readonly FileAction[];
  /** By input index. */
  readonly sources: readonly (SourceView | undefined)[];
  /** Time of what has no time of its own: made files and folders. Unset: now. */
  readonly defaultTimestampNs?: bigint | undefined;
  /** By action index: what the step's key says that a copy takes. Anything else fails the step (CONTEXT_CHANGED). */
  readonly expected?: readonly (ExpectedSelection | undefined)[] | undefined;
  /** By path in the context: what each of its files' bytes must hash to, so that the error can name the file. Empty: not checked. */
  readonly expectedDigests?: ReadonlyMap<string, Digest> | undefined;
  /** Devices and FIFOs are an error: for folders outside the store, where whoever may read them could use them. */
  readonly refusesNodes?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FileActionsResult {
  /** Digests of the regular files that were written and are still there, by path below the root (as in FileEntry): nothing has to be read again. */
  readonly digests: ReadonlyMap<string, Digest>;
}

/**
 * Everything is done beneath the root, whatever links are in it. After a failure the tree is half changed: drop it.
 * @throws {TsbuildError} of select.ts, copy.ts, archive.ts, make.ts, owner.ts; the signal's reason when it is aborted
 */
export async function applyFileActions(kernel: Kernel, request: FileActionsRequest): Promise<FileActionsResult> {
  using destination = new Destination(kernel, request.root, { refusesNodes: request.refusesNodes === true });
  const step: Step = { request, destination, buffer: Buffer.allocUnsafeSlow(CHUNK_BYTES), pace: new Pace(request.signal) };
  for (const [index, action] of request.actions.entries()) await perform(step, action, index);
  destination.finish();
  return { digests: destination.digests };
}

interface Step {
  readonly request: FileActionsRequest;
  readonly destination: Destination;
  readonly buffer: Buffer;
  readonly pace: Pace;
}

async function perform({ request, destination, buffer, pace }: Step, action: FileAction, index: number): Promise<void> {
  const mtimeNs = request.defaultTimestampNs;
  switch (action.type) {
    case "copy": {
      const view = request.sources[action.input];
      if (view === undefined) throw new Error(`Internal error: copy from input ${action.input}, which is not given`);
      const owner = ownerOf(action.owner, request);
      const expected = request.expected?.[index];
      return copySelection({ destination, view, action, owner, mtimeNs, expected, expectedDigests: request.expectedDigests, buffer, pace });
    }
    case "makeFile":
      return makeFile({ destination, ids: ownerOf(action.owner, request) ?? ROOT, mtimeNs }, action);
    case "makeDir":
      return makeDir({ destination, ids: ownerOf(action.owner, request) ?? ROOT, mtimeNs }, action);
    case "remove":
      return removePath(destination, action);
    default:
      return unreachable(action);
  }
}

function ownerOf(owner: Owner | undefined, lookup: OwnerLookup): Ids | undefined {
  return owner === undefined ? undefined : resolveOwner(owner, lookup);
}

/** For callers that have no passwd file to look into: every name is unknown. */
export const NO_NAMES: OwnerLookup = { lookupUser: () => undefined, lookupGroup: () => undefined };
