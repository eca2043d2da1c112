/** What git said, in our words and with a way out. */
import { TsbuildError } from "../../base/errors.js";
import { GitFailure } from "./command.js";
import { type GitRemote, shownRemote } from "./remote.js";

type Rule = readonly [pattern: RegExp, code: string, problem: string, hint: string];

const RULES: readonly Rule[] = [
  [
    /host key verification failed|REMOTE HOST IDENTIFICATION/i,
    "GIT_HOST_KEY",
    "has a host key that is not known",
    "put the server's key into ~/.ssh/known_hosts (ssh-keyscan HOST prints it; compare it with what the server's owner says)",
  ],
  [
    /permission denied \(|publickey|no supported authentication/i,
    "GIT_AUTH",
    "refuses the ssh key",
    "give an agent or key that it knows: --ssh default, or --ssh default=FILE",
  ],
  [
    /could not read username|authentication failed|error: 40[13]|invalid username|terminal prompts disabled/i,
    "GIT_AUTH",
    "asks for credentials, or has no such repository",
    "give a token: --secret id=GIT_AUTH_TOKEN,env=NAME (or GIT_AUTH_HEADER for a header of your own)",
  ],
  [/redirect|error: 30\d/i, "GIT_REDIRECT", "redirects, which is not followed with credentials", "give the address that it redirects to"],
  [
    /transport '[^']*' not allowed/i,
    "GIT_PROTOCOL",
    "leads to another protocol, which is not followed",
    "give the address that it leads to",
  ],
  [
    /repository .*not found|does not appear to be a git repository|error: 404|no such repository|access denied or repository not exported/i,
    "GIT_NOT_FOUND",
    "can't be found",
    "look at the address; a private repository needs credentials",
  ],
  [
    /could not resolve|failed to connect|connection (?:refused|reset|timed out)|unable to connect|operation too slow|ssl|certificate/i,
    "GIT_UNREACHABLE",
    "can't be reached",
    "look at the address, the network and its proxies",
  ],
];

/** Other errors are passed through. */
export function gitError(error: unknown, remote: GitRemote): unknown {
  if (!(error instanceof GitFailure)) return error;
  const shown = shownRemote(remote.url);
  const [, code = "GIT_FAILED", problem = "can't be used", hint] = RULES.find(([pattern]) => pattern.test(error.text)) ?? [];
  const said = error.text === "" ? "" : `: ${error.text}`;
  return new TsbuildError(code, `the git repository ${shown} ${problem}${said}`, hint === undefined ? {} : { hint });
}
