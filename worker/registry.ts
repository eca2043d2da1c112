/** The registry client of a command: made when first needed, so that its connections and tokens are shared. */
import type { RegistryClient } from "../image/registry/client.js";

export class LazyRegistry implements AsyncDisposable {
  readonly #insecureHosts: readonly string[];
  #client: Promise<RegistryClient> | undefined;

  /** Hosts (with port) that may be spoken to in plain HTTP besides those of this machine. */
  constructor(insecureHosts: readonly string[]) {
    this.#insecureHosts = insecureHosts;
  }

  client(): Promise<RegistryClient> {
    this.#client ??= this.#open();
    return this.#client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#client)?.[Symbol.asyncDispose]();
  }

  async #open(): Promise<RegistryClient> {
    const { RegistryClient: Client } = await import("../image/registry/client.js");
    return new Client({ insecure: this.#insecureHosts });
  }
}
