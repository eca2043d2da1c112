import { redactedUrl } from "../registry/registry-error.js";

/** An address for people and logs: without user, password, query and fragment, where credentials may stand. */
export function shownUrl(text: string): string {
  return URL.canParse(text) && /^https?:/i.test(text) ? redactedUrl(new URL(text)) : text;
}
