/** Ends a switch over a closed union: a member that was forgotten is a type error here. */
export function unreachable(value: never): never {
  throw new Error(`Internal error: unexpected value ${JSON.stringify(value)}`);
}
