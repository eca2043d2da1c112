import type { StageState } from "./stage-state.js";
import type { Variables } from "./variables.js";

/**
 * `work` with its results kept for as long as a stage's variables and arguments stay what they are: many instructions
 * stand between two that set one, and all may share a result. `work` must ask for nothing but `visible`, `args` and `env`.
 */
export function keptByVariables<T>(work: (state: StageState) => T): (state: StageState) => T {
  const kept = new WeakMap<Variables, { readonly args: Variables; readonly env: Variables; readonly result: T }>();
  return (state) => {
    const { visible, args, env } = state;
    const known = kept.get(visible);
    if (known !== undefined && known.args === args && known.env === env) return known.result;
    const result = work(state);
    kept.set(visible, { args, env, result });
    return result;
  };
}
