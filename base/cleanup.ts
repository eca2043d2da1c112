/** Undo work in reverse order. `defer` what undoes a thing before acquiring the next one. */
export class CleanupStack implements AsyncDisposable {
  #undo: (() => unknown)[] = [];

  defer(undo: () => unknown): void {
    this.#undo.push(undo);
  }

  /** Takes over a resource and hands it back, for `const x = stack.use(await open())`. */
  use<T extends AsyncDisposable>(resource: T): T {
    this.defer(() => resource[Symbol.asyncDispose]());
    return resource;
  }

  /** Hands everything to a new owner: this stack then undoes nothing. */
  move(): CleanupStack {
    const moved = new CleanupStack();
    moved.#undo = this.#undo;
    this.#undo = [];
    return moved;
  }

  /** Runs everything, even when a step fails; throws the first failure at the end. Calling it again does nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      try {
        await undo();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }
}
