/**
 * The agent's protocol (draft-ietf-sshm-ssh-agent): messages of a length (uint32) and a body, whose first byte is the type. Each request gets one
 * answer, in order. Only what uses keys goes through; what adds, removes or locks them is answered with a failure, and so are
 * extensions.
 */

/** Section 6.1 of the draft. */
const FAILURE = 5;
const REQUEST_IDENTITIES = 11;
const SIGN_REQUEST = 13;

/** As in OpenSSH's agent (AGENT_MAX_LEN). */
export const MAX_MESSAGE_BYTES: number = 256 * 1024;

export const FAILURE_MESSAGE: Buffer = Buffer.from([0, 0, 0, 1, FAILURE]);

export function isAllowed(message: Buffer): boolean {
  const type = message[4];
  return type === REQUEST_IDENTITIES ? message.length === 5 : type === SIGN_REQUEST;
}

/** Cuts a stream into whole messages, their lengths included. */
export class MessageReader {
  #rest: Buffer = Buffer.alloc(0);

  /** @throws Error for a message that is empty or too long: the connection is of no more use. */
  push(chunk: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const messages: Buffer[] = [];
    while (this.#rest.length >= 4) {
      const length = this.#rest.readUInt32BE(0);
      if (length === 0 || length > MAX_MESSAGE_BYTES) throw new Error(`a message of ${length} bytes`);
      if (this.#rest.length < 4 + length) break;
      messages.push(this.#rest.subarray(0, 4 + length));
      this.#rest = this.#rest.subarray(4 + length);
    }
    return messages;
  }
}
