/** What every op needs of the build it belongs to. */
import type { EventSink } from "../base/events.js";
import type { Store } from "../cache/store.js";
import type { NetworkPool } from "../executor/network/pool.js";
import type { Graph } from "../llb/graph.js";
import type { BuildContexts } from "./contexts.js";
import type { GitSources } from "./git/git-sources.js";
import type { HttpFiles } from "./http-files.js";
import type { Images } from "./images.js";
import type { Pools } from "./pool.js";
import type { SshAgents } from "./ssh/ssh-agents.js";
import type { SecretSource, StepDns } from "./types.js";

export interface BuildEnvironment {
  readonly store: Store;
  readonly pools: Pools;
  readonly graph: Graph;
  readonly contexts: BuildContexts;
  readonly images: Images;
  readonly http: HttpFiles;
  readonly git: GitSources;
  readonly events: EventSink;
  readonly secrets: ReadonlyMap<string, SecretSource>;
  readonly agents: SshAgents;
  readonly buildId: string;
  /** diffIDs are computed in the pass that lists the files. */
  readonly wantsDiffId: boolean;
  readonly dns: StepDns;
  /** Made when the first step wants a network. */
  readonly networks: () => Promise<NetworkPool>;
  readonly timestampSec: number | undefined;
}
