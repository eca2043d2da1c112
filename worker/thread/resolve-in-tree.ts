import { followLinks } from "../files/resolve.js";
import type { Tree } from "../files/tree.js";

/** A path with all links followed inside the tree, without a leading slash; what isn't there is kept as it stands. */
export function resolveInTree(tree: Tree, path: string): string {
  return followLinks(
    (at) => {
      const stat = tree.lstat(at);
      if (stat === undefined) return undefined;
      return stat.isSymbolicLink() ? { type: "symlink", target: tree.readlink(at) } : { type: "other" };
    },
    path,
    { last: true },
  );
}
