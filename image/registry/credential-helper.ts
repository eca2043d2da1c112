/** Docker's credential helpers: a program `docker-credential-NAME` that is asked on stdin and answers in JSON. */
import { spawn } from "node:child_process";
import { isErrno, TsbuildError } from "../../base/errors.js";
import { fieldsOf, optionalString } from "../json-fields.js";
import { parseStrictJson } from "../strict-json.js";
import type { Environment } from "./proxy.js";

export interface HelperQuestion {
  /** The part after `docker-credential-`. */
  readonly name: string;
  readonly server: string;
  readonly env: Environment;
  readonly timeoutMs?: number;
}

export type HelperAnswer =
  | { readonly type: "found"; readonly username: string; readonly secret: string }
  /** It has nothing for this server. */
  | { readonly type: "none" }
  /** There is no such program. */
  | { readonly type: "missing" };

const TIMEOUT_MS = 30_000;
const MAX_ANSWER = 64 * 1024;

/** @throws {TsbuildError} REGISTRY_CREDENTIALS when it fails, hangs, or says too much; secrets are never in the message */
export async function askHelper(question: HelperQuestion, signal: AbortSignal): Promise<HelperAnswer> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(question.name)) {
    throw new TsbuildError("REGISTRY_CREDENTIALS", `${JSON.stringify(question.name.slice(0, 100))} is not a name of a credential helper`, {
      hint: "correct credsStore or credHelpers in Docker's config.json",
    });
  }
  const ended = await runHelper(question, signal);
  if (ended === "missing") return { type: "missing" };
  if (ended.exitCode !== 0) {
    if (/credentials not found/i.test(ended.stdout)) return { type: "none" };
    throw failed(question, `ended with exit code ${ended.exitCode}`);
  }
  return parseAnswer(question, ended.stdout);
}

function parseAnswer(question: HelperQuestion, stdout: string): HelperAnswer {
  try {
    const fields = fieldsOf(parseStrictJson(Buffer.from(stdout), { what: "answer", maxBytes: MAX_ANSWER }), "answer");
    const username = optionalString(fields, "Username") ?? "";
    const secret = optionalString(fields, "Secret") ?? "";
    return username === "" && secret === "" ? { type: "none" } : { type: "found", username, secret };
  } catch {
    // The cause is left out: it would quote the answer.
    throw failed(question, "gave an answer that is not the expected JSON");
  }
}

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
}

function runHelper(question: HelperQuestion, signal: AbortSignal): Promise<Ended | "missing"> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(`docker-credential-${question.name}`, ["get"], { env: { ...question.env }, stdio: ["pipe", "pipe", "ignore"] });
    const chunks: Buffer[] = [];
    let length = 0;
    let failure: unknown;
    const stop = (why: unknown): void => {
      failure ??= why;
      child.kill("SIGKILL");
      child.stdout.destroy();
    };
    const onAbort = (): void => stop(signal.reason);
    const timer = setTimeout(() => stop(failed(question, "did not answer in time")), question.timeoutMs ?? TIMEOUT_MS);
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      finish();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    child.stdout.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_ANSWER) stop(failed(question, `said more than ${MAX_ANSWER} bytes`));
      else chunks.push(chunk);
    });
    child.on("error", (error) =>
      settle(() => (isErrno(error, "ENOENT") ? resolve("missing") : reject(failed(question, "could not be started", error)))),
    );
    child.on("close", (exitCode) =>
      settle(() => (failure === undefined ? resolve({ exitCode, stdout: Buffer.concat(chunks).toString("utf8") }) : reject(failure))),
    );
    // A helper that ends without reading its question gives EPIPE here; its exit code says more.
    child.stdin.on("error", () => undefined);
    child.stdin.end(question.server);
  });
}

function failed(question: HelperQuestion, problem: string, cause?: unknown): TsbuildError {
  return new TsbuildError("REGISTRY_CREDENTIALS", `the credential helper docker-credential-${question.name} ${problem}`, {
    cause,
    hint: `try: echo ${question.server} | docker-credential-${question.name} get`,
  });
}
