import type { CommandFunction } from "./context.js";
import type { CommandKind } from "./exit-codes.js";

export interface Command {
  readonly kind: CommandKind;
  /** One line for the overview. */
  readonly summary: string;
  /** False: works for anybody, without namespaces (the launcher's list must agree). */
  readonly needsRoot: boolean;
  readonly load: () => Promise<{ readonly run: CommandFunction }>;
}

/** All commands, in the order of the overview. Each is loaded only when it is called. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  [
    "build",
    {
      kind: "build",
      needsRoot: true,
      summary: "Build an image from a Dockerfile (the default command)",
      load: () => import("./commands/build.js"),
    },
  ],
  ["run", { kind: "engine", needsRoot: true, summary: "Run a command in a new container", load: () => import("./commands/run.js") }],
  ["images", { kind: "store", needsRoot: true, summary: "List images", load: () => import("./commands/images.js") }],
  ["pull", { kind: "store", needsRoot: true, summary: "Fetch an image from its registry", load: () => import("./commands/pull.js") }],
  ["push", { kind: "store", needsRoot: true, summary: "Send an image to its registry", load: () => import("./commands/push.js") }],
  ["tag", { kind: "store", needsRoot: true, summary: "Give an image one more name", load: () => import("./commands/tag.js") }],
  ["rmi", { kind: "store", needsRoot: true, summary: "Remove names of images, and images", load: () => import("./commands/rmi.js") }],
  ["save", { kind: "store", needsRoot: true, summary: "Write images into an archive", load: () => import("./commands/save.js") }],
  ["load", { kind: "store", needsRoot: true, summary: "Take images out of an archive", load: () => import("./commands/load.js") }],
  [
    "inspect",
    { kind: "store", needsRoot: true, summary: "Show all that is known of an image", load: () => import("./commands/inspect.js") },
  ],
  [
    "history",
    { kind: "store", needsRoot: true, summary: "Show the instructions that made an image", load: () => import("./commands/history.js") },
  ],
  ["du", { kind: "store", needsRoot: true, summary: "Say what takes how much room in the store", load: () => import("./commands/du.js") }],
  ["prune", { kind: "store", needsRoot: true, summary: "Remove what nothing needs any more", load: () => import("./commands/prune.js") }],
  [
    "doctor",
    {
      kind: "store",
      needsRoot: false,
      summary: "Say what of this machine works for tsbuild, and what is missing",
      load: () => import("./commands/doctor.js"),
    },
  ],
  ["version", { kind: "store", needsRoot: false, summary: "Print the version", load: () => import("./commands/version.js") }],
]);
