import { TsbuildError } from "./errors.js";

/** What an image runs on (OCI image-spec, image-index.md "platform"). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

const ARCHITECTURES: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  x64: ["amd64"],
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  amd64: ["amd64"],
  aarch64: ["arm64"],
  arm64: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
  arm: ["arm", "v7"],
  i386: ["386"],
  i486: ["386"],
  i686: ["386"],
  ia32: ["386"],
  "386": ["386"],
};

const PART = /^[A-Za-z0-9_.-]+$/;

/** The platform of this machine. */
export function hostPlatform(): Platform {
  return normalize({ os: "linux", architecture: process.arch });
}

/**
 * Reads `os/arch[/variant]`, or one word that is an OS or an architecture.
 * @throws {TsbuildError} PLATFORM_INVALID
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  const [first, second, third] = parts;
  if (parts.length > 3 || first === undefined || parts.some((part) => !PART.test(part))) {
    throw new TsbuildError("PLATFORM_INVALID", `"${text}" is not a platform`, { hint: "write os/arch[/variant], for example linux/arm64" });
  }
  if (second !== undefined)
    return normalize({ os: first.toLowerCase(), architecture: second.toLowerCase(), variant: third?.toLowerCase() });
  const word = first.toLowerCase();
  if (word in ARCHITECTURES || KNOWN_ARCHITECTURES.has(word)) return normalize({ os: hostPlatform().os, architecture: word });
  if (KNOWN_SYSTEMS.has(word)) return normalize({ os: word, architecture: hostPlatform().architecture });
  throw new TsbuildError("PLATFORM_INVALID", `unknown operating system or architecture "${text}"`, {
    hint: "write os/arch[/variant], for example linux/arm64",
  });
}

const KNOWN_ARCHITECTURES = new Set([
  "amd64",
  "arm64",
  "arm",
  "386",
  "ppc64",
  "ppc64le",
  "s390x",
  "riscv64",
  "mips",
  "mipsle",
  "mips64",
  "mips64le",
  "loong64",
  "wasm",
]);
const KNOWN_SYSTEMS = new Set(["linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "wasip1", "js"]);

/** Aliases resolved, and the default variant (v8 of arm64, v1 of amd64) left out. */
export function normalize(platform: Platform): Platform {
  const [architecture, impliedVariant] = ARCHITECTURES[platform.architecture] ?? [platform.architecture];
  let variant = platform.variant === "" ? undefined : (platform.variant ?? impliedVariant);
  if (variant !== undefined && /^\d$/.test(variant)) variant = `v${variant}`;
  if (architecture === "arm64" && variant === "v8") variant = undefined;
  if (architecture === "amd64" && variant === "v1") variant = undefined;
  return variant === undefined ? { os: platform.os, architecture } : { os: platform.os, architecture, variant };
}

/** `linux/arm/v7` */
export function formatPlatform(platform: Platform): string {
  const base = `${platform.os}/${platform.architecture}`;
  return platform.variant === undefined ? base : `${base}/${platform.variant}`;
}

export function samePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(normalize(a)) === formatPlatform(normalize(b));
}

/** How well an image for `offered` runs on `wanted`: 0 not at all, higher is better. */
export function platformScore(wanted: Platform, offered: Platform): number {
  const want = normalize(wanted);
  const have = normalize(offered);
  if (want.os !== have.os || want.architecture !== have.architecture) return 0;
  if (want.variant === have.variant) return 100;
  const level = (variant: string | undefined, fallback: number): number =>
    variant === undefined ? fallback : Number(variant.slice(1)) || fallback;
  const fallback = want.architecture === "arm64" ? 8 : want.architecture === "arm" ? 7 : 1;
  const gap = level(want.variant, fallback) - level(have.variant, fallback);
  return gap >= 0 ? 50 - gap : 0;
}
