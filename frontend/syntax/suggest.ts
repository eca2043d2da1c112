import { editDistance } from "../../base/edit-distance.js";

/** Names longer than this are nobody's typo. */
const LONGEST = 64;
const FARTHEST = 2;

/**
 * The candidate that `word` was probably meant to be: at most two edits away, letter case aside, and fewer
 * edits than the word has letters. Undefined when nothing is near.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined;
  let best: string | undefined;
  let bestDistance = Math.min(FARTHEST, word.length - 1) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}
