import { isIP } from "node:net";
import { TsbuildError } from "../../base/errors.js";

/**
 * Reads --add-host flags, `host:address` or `host=address`, as `host:address`. IPv6 addresses may stand in brackets;
 * `host-gateway` is the host's own address.
 * @throws {TsbuildError} USAGE
 */
export function parseExtraHosts(texts: readonly string[]): readonly string[] {
  return texts.map((text) => {
    const split = text.includes("=") ? text.indexOf("=") : text.indexOf(":");
    const name = text.slice(0, Math.max(split, 0));
    const address = text.slice(split + 1).replace(/^\[(.*)\]$/, "$1");
    if (name !== "" && (address === "host-gateway" || isIP(address) !== 0)) return `${name}:${address}`;
    throw new TsbuildError("USAGE", `--add-host "${text}" is not of the form HOST:ADDRESS`, { hint: "for example db:10.0.0.5" });
  });
}
