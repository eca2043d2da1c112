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
