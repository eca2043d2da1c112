/** Set by the bundler from package.json. */
declare const TSBUILD_VERSION: string | undefined;

/** The program's version, as in package.json. */
export const VERSION: string = typeof TSBUILD_VERSION === "string" ? TSBUILD_VERSION : "0.0.0-unbundled";
