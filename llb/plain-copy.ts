import type { CopyAction } from "./op.js";

/** A copy of input 0 as it is: no wildcards, no owner, no mode; what a folder holds, not the folder; links in the destination are replaced. */
export function plainCopy(source: string, destination: string, unpack = false): CopyAction {
  return {
    type: "copy",
    input: 0,
    sources: [source],
    destination,
    contentsOnly: true,
    allowWildcard: false,
    allowEmptyWildcard: false,
    unpack,
    keepParents: false,
    excludes: [],
    followDestinationLinks: false,
  };
}
