/** The network of a RUN step, from the pool of namespaces made ahead. */
import type { ProcessNetwork } from "../../executor/types.js";
import type { BuildEnvironment } from "../environment.js";

export interface StepNetwork extends AsyncDisposable {
  readonly network: ProcessNetwork;
  /** The step's address, when it has one of its own. */
  readonly ip?: string | undefined;
}

export async function stepNetwork(env: BuildEnvironment, mode: "default" | "none" | "host", signal: AbortSignal): Promise<StepNetwork> {
  if (mode !== "default") return { network: { type: mode }, [Symbol.asyncDispose]: async () => undefined };
  const namespace = await (await env.networks()).acquire(signal);
  return {
    network: { type: "namespace", path: namespace.path },
    ip: namespace.ip,
    [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose](),
  };
}
