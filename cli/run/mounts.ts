/** -v, --mount and --tmpfs. */
import { resolve } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import type { MountRequest } from "../../worker/containers/types.js";
import { csvFields } from "../values/csv.js";
import { splitAtEquals } from "../values/key-value.js";
import { parseBoolean, parseSize } from "../values/numbers.js";

const PROPAGATIONS = ["private", "rprivate", "slave", "rslave"];
const FROM_HOST = ["shared", "rshared"];
/** Of macOS and SELinux: on this system they change nothing. */
const HARMLESS = ["z", "Z", "cached", "delegated", "consistent", "default"];
const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/**
 * `[SOURCE:]TARGET[:OPTIONS]`. A source with a slash is a folder of the host, made when it is missing; any other is a
 * volume's name; without one it is a volume of this container's own.
 * @throws {TsbuildError} USAGE
 */
export function parseVolume(text: string, cwd: string): MountRequest {
  const parts = text.split(":");
  const [first = "", second, options] = parts;
  if (parts.length > 3 || text === "" || parts.some((part) => part === ""))
    throw wrong("-v", text, "it is not of the form [SOURCE:]TARGET[:OPTIONS]");
  if (second === undefined) return { type: "volume", target: absolute("-v", text, first), readonly: false, copiesImage: true };
  const target = absolute("-v", text, second);
  const { readonly, copiesImage, propagation } = volumeOptions(text, options);
  if (isHostPath(first))
    return {
      type: "bind",
      source: resolve(cwd, first),
      target,
      readonly,
      makesSource: true,
      ...(propagation === undefined ? {} : { propagation }),
    };
  if (!VOLUME_NAME.test(first)) {
    throw wrong(
      "-v",
      text,
      `"${first}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
      "if you meant a folder of the host, write an absolute path",
    );
  }
  return { type: "volume", name: first, target, readonly, copiesImage };
}

function isHostPath(source: string): boolean {
  return source.startsWith("/") || source === "." || source === ".." || source.startsWith("./") || source.startsWith("../");
}

interface VolumeOptions {
  readonly readonly: boolean;
  readonly copiesImage: boolean;
  readonly propagation?: string | undefined;
}

function volumeOptions(text: string, list: string | undefined): VolumeOptions {
  let [readonly, copiesImage] = [false, true];
  let propagation: string | undefined;
  for (const option of list?.split(",") ?? []) {
    if (option === "ro") readonly = true;
    else if (option === "nocopy") copiesImage = false;
    else if (PROPAGATIONS.includes(option) || FROM_HOST.includes(option)) propagation = checkPropagation("-v", text, option);
    else if (option !== "rw" && !HARMLESS.includes(option))
      throw wrong("-v", text, `invalid mode: ${option}`, "known are ro, rw, nocopy and z");
  }
  return { readonly, copiesImage, propagation };
}

function checkPropagation(flag: string, text: string, value: string): string {
  if (PROPAGATIONS.includes(value)) return value;
  if (FROM_HOST.includes(value))
    throw new TsbuildError("UNSUPPORTED", `${flag} "${text}": mounts of a container can't appear on the host yet (${value})`, {
      hint: "use rslave to see the host's",
    });
  throw wrong(flag, text, `invalid propagation: ${value}`);
}

/** `--tmpfs TARGET[:OPTIONS]`; options as of mount(8). */
export function parseTmpfs(text: string): MountRequest {
  const split = text.indexOf(":");
  const target = absolute("--tmpfs", text, split === -1 ? text : text.slice(0, split));
  const given =
    split === -1
      ? []
      : text
          .slice(split + 1)
          .split(",")
          .filter((option) => option !== "");
  const size = valueOf(given, "size");
  const mode = valueOf(given, "mode");
  const others = given.filter((option) => !/^(size|mode)=/.test(option));
  return {
    type: "tmpfs",
    target,
    ...(size === undefined ? {} : { sizeBytes: parseSize("--tmpfs", size) }),
    ...(mode === undefined ? {} : { mode: parseMode("--tmpfs", text, mode) }),
    options: tmpfsOptions(text, others),
  };
}

const SWITCHES: readonly (readonly [on: string, off: string])[] = [
  ["noexec", "exec"],
  ["nosuid", "suid"],
  ["nodev", "dev"],
  ["ro", "rw"],
];
const TMPFS_DEFAULTS = ["noexec", "nosuid", "nodev"];
const TMPFS_VALUE = /^(uid|gid|nr_inodes|nr_blocks|huge|mpol)=[\w%:-]+$/;

/** Docker's defaults, less those that are taken back. */
function tmpfsOptions(text: string, given: readonly string[]): readonly string[] {
  const options = new Set(TMPFS_DEFAULTS);
  for (const option of given) {
    const pair = SWITCHES.find((words) => words.includes(option));
    if (pair === undefined && !TMPFS_VALUE.test(option)) throw wrong("--tmpfs", text, `invalid tmpfs option "${option}"`);
    for (const word of pair ?? []) options.delete(word);
    options.add(option);
  }
  return [...options];
}

function valueOf(options: readonly string[], name: string): string | undefined {
  return options.findLast((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** Names of the fields of --mount that mean the same. */
const ALIASES: Readonly<Record<string, string>> = { src: "source", dst: "target", destination: "target", ro: "readonly" };
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  bind: ["type", "source", "target", "readonly", "bind-propagation", "bind-create-src", "bind-recursive", "consistency"],
  volume: ["type", "source", "target", "readonly", "volume-nocopy", "volume-label", "volume-driver"],
  tmpfs: ["type", "target", "tmpfs-size", "tmpfs-mode"],
};

/** `type=bind,source=/src,target=/dst,readonly`. @throws {TsbuildError} USAGE */
export function parseMount(text: string, cwd: string): MountRequest {
  const fields = mountFields(text);
  const type = fields.get("type") ?? "volume";
  const known = FIELDS[type];
  if (known === undefined) throw wrong("--mount", text, `mount type "${type}" is not supported`, "known are bind, volume and tmpfs");
  const stranger = [...fields.keys()].find((key) => !known.includes(key));
  if (stranger !== undefined)
    throw wrong("--mount", text, `unexpected key '${stranger}' for type ${type}`, `known are ${known.join(", ")}`);
  const given = fields.get("target");
  if (given === undefined || given === "") throw wrong("--mount", text, "target is required");
  const target = absolute("--mount", text, given);
  const isSet = (name: string): boolean => isOn(text, name, fields.get(name));
  if (type === "tmpfs") return tmpfsMount(text, target, fields);
  if (type === "bind") return bindMount(text, { target, fields, isSet, cwd });
  return volumeMount(text, { target, fields, isSet });
}

/** `readonly` alone is `readonly=true`. A label may be given several times. */
function mountFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const field of csvFields("--mount", text)) {
    const { key: written, value = "true" } = splitAtEquals(field);
    const key = ALIASES[written.trim().toLowerCase()] ?? written.trim().toLowerCase();
    const before = key === "volume-label" ? fields.get(key) : undefined;
    fields.set(key, before === undefined ? value : `${before}\n${value}`);
  }
  return fields;
}

interface MountFields {
  readonly target: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly isSet: (name: string) => boolean;
}

function bindMount(text: string, { target, fields, isSet, cwd }: MountFields & { readonly cwd: string }): MountRequest {
  const source = fields.get("source");
  if (source === undefined || source === "") throw wrong("--mount", text, "type=bind wants a source");
  if ((fields.get("bind-recursive") ?? "enabled") !== "enabled")
    throw new TsbuildError("UNSUPPORTED", `--mount "${text}": binds are always recursive`);
  const propagation = fields.get("bind-propagation");
  return {
    type: "bind",
    source: resolve(cwd, source),
    target,
    readonly: isSet("readonly"),
    makesSource: isSet("bind-create-src"),
    ...(propagation === undefined ? {} : { propagation: checkPropagation("--mount", text, propagation) }),
  };
}

function volumeMount(text: string, { target, fields, isSet }: MountFields): MountRequest {
  const driver = fields.get("volume-driver") ?? "local";
  if (driver !== "local")
    throw new TsbuildError("UNSUPPORTED", `--mount "${text}": volumes are folders of the store; the driver ${driver} is not supported`);
  const name = fields.get("source");
  if (name !== undefined && name !== "" && !VOLUME_NAME.test(name))
    throw wrong("--mount", text, `"${name}" is not a volume's name`, "a folder of the host wants type=bind");
  const labels = (fields.get("volume-label") ?? "")
    .split("\n")
    .filter((label) => label !== "")
    .map(splitAtEquals);
  return {
    type: "volume",
    ...(name === undefined || name === "" ? {} : { name }),
    target,
    readonly: isSet("readonly"),
    copiesImage: !isSet("volume-nocopy"),
    ...(labels.length === 0 ? {} : { labels: Object.fromEntries(labels.map(({ key, value = "" }) => [key, value])) }),
  };
}

function tmpfsMount(text: string, target: string, fields: ReadonlyMap<string, string>): MountRequest {
  const size = fields.get("tmpfs-size");
  const mode = fields.get("tmpfs-mode");
  return {
    type: "tmpfs",
    target,
    ...(size === undefined ? {} : { sizeBytes: parseSize("--mount tmpfs-size", size) }),
    ...(mode === undefined ? {} : { mode: parseMode("--mount", text, mode) }),
  };
}

function isOn(text: string, name: string, value: string | undefined): boolean {
  if (value === undefined) return false;
  const answer = parseBoolean(value);
  if (answer === undefined) throw wrong("--mount", text, `invalid value for ${name}: ${value}`, `${name} is true or false`);
  return answer;
}

function parseMode(flag: string, text: string, mode: string): number {
  if (/^[0-7]{1,5}$/.test(mode) && Number.parseInt(mode, 8) <= 0o7777) return Number.parseInt(mode, 8);
  throw wrong(flag, text, `"${mode}" is not an octal mode`);
}

function absolute(flag: string, text: string, path: string): string {
  if (path.startsWith("/")) return path;
  throw wrong(flag, text, `invalid mount path: '${path}' mount path must be absolute`);
}

function wrong(flag: string, text: string, problem: string, hint?: string): TsbuildError {
  return new TsbuildError("USAGE", `${flag} "${text}": ${problem}`, { hint });
}
