/** --security-opt, --cap-add and their kin, --device, --sysctl. */
import { posix } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import type { DeviceMapping } from "../../executor/types.js";
import type { SecurityRequest } from "../../worker/containers/types.js";
import { parseBoolean } from "../values/numbers.js";
import type { RunFlags } from "./flags.js";

/** @throws {TsbuildError} USAGE, UNSUPPORTED */
export function parseSecurity(flags: Pick<RunFlags, "capAdd" | "capDrop" | "privileged" | "readOnly" | "securityOpt">): SecurityRequest {
  let seccomp: SecurityRequest["seccomp"] = "default";
  let noNewPrivileges = false;
  for (const text of flags.securityOpt) {
    const [name = "", value = "true"] = text.split(/[=:](.*)/s);
    if (name === "no-new-privileges") noNewPrivileges = booleanOf(text, value);
    else if (name === "seccomp") seccomp = seccompOf(value);
    else throw new TsbuildError("UNSUPPORTED", `--security-opt ${text}: only seccomp=unconfined and no-new-privileges are supported`);
  }
  return {
    capAdd: flags.capAdd,
    capDrop: flags.capDrop,
    privileged: flags.privileged,
    seccomp,
    noNewPrivileges,
    readonlyRootfs: flags.readOnly,
  };
}

function seccompOf(value: string): SecurityRequest["seccomp"] {
  if (value === "unconfined") return "unconfined";
  if (value === "builtin" || value === "default") return "default";
  throw new TsbuildError("UNSUPPORTED", `--security-opt seccomp=${value}: profiles of one's own are not supported; seccomp=unconfined is`);
}

function booleanOf(text: string, value: string): boolean {
  const answer = parseBoolean(value);
  if (answer === undefined) throw new TsbuildError("USAGE", `--security-opt ${text}: "${value}" is neither true nor false`);
  return answer;
}

/** `PATH[:TARGET][:ACCESS]`. @throws {TsbuildError} USAGE */
export function parseDevice(text: string): DeviceMapping {
  const parts = text.split(":");
  const [hostPath = "", second, third] = parts;
  const isAccess = second !== undefined && parts.length === 2 && /^[rwm]{1,3}$/.test(second);
  const target = isAccess || second === undefined || second === "" ? hostPath : second;
  if (parts.length > 3 || !hostPath.startsWith("/") || !target.startsWith("/")) {
    throw new TsbuildError("USAGE", `--device "${text}" is not of the form PATH[:TARGET][:ACCESS]`, {
      hint: "for example /dev/fuse or /dev/sda:/dev/xvda:r",
    });
  }
  return { hostPath, target: posix.normalize(target), access: (isAccess ? second : third) ?? "rwm" };
}

const OWN_SETTING = /^(net\.|fs\.mqueue\.|kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$)/;

/** Only what belongs to a namespace: all else is the host's. @throws {TsbuildError} USAGE */
export function parseSysctls(
  texts: readonly string[],
  { sharesNetwork, sharesIpc }: { readonly sharesNetwork: boolean; readonly sharesIpc: boolean },
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf("=");
      const name = text.slice(0, Math.max(equals, 0)).replaceAll("/", ".");
      if (equals < 1) throw new TsbuildError("USAGE", `--sysctl "${text}" is not of the form NAME=VALUE`);
      const isShared = name.startsWith("net.") ? sharesNetwork : sharesIpc;
      if (!OWN_SETTING.test(name) || isShared)
        throw new TsbuildError("USAGE", `--sysctl ${name}: this is a setting of the host's, not of the container's own namespaces`);
      return [name, text.slice(equals + 1)];
    }),
  );
}
