import type { Entry } from "./entry.js";
import { joinPath } from "./resolve.js";
import type { Child } from "./view.js";

/** One file to copy. Those of one source follow each other: first the source itself, then what is in it, folders before their content. */
export interface Selected {
  /** In the view, without links on the way. */
  readonly path: string;
  /** Below the source; "" is the source itself. */
  readonly relative: string;
  /** The last component of the name the source was found by: what it is called inside a destination folder. */
  readonly name: string;
  readonly entry: Entry;
  /** A folder that --parents brings along: one that is there already is left as it is. */
  readonly implied?: true;
}

/** The same for what is in a selected folder. */
export function below(folder: Selected, child: Child): Selected {
  return {
    path: joinPath(folder.path, child.name),
    relative: joinPath(folder.relative, child.name),
    name: folder.name,
    entry: child.entry,
  };
}

/** What --exclude hides: paths below the source. */
export interface Exclusion {
  readonly hides: (path: string) => boolean;
  readonly hasExceptions: boolean;
}
