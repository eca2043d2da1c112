import { Option } from "commander";
import { TsbuildError } from "../../base/errors.js";
import { hostPlatform, parsePlatform } from "../../base/platform.js";
import { familiarName, formatReference, parseReference, type Reference, withDefaultTag } from "../../image/reference.js";
import type { PulledImage } from "../../worker/store-commands/pull.js";
import type { CommandContext } from "../context.js";
import { withImageWork } from "../images/open.js";
import { LayerProgress } from "../images/progress.js";
import { flagParser, parseFlags, repeated, strings } from "../values/flags.js";
import { insecureRegistries } from "../values/insecure-registries.js";

interface PullFlags {
  readonly name: string;
  readonly platform: string | undefined;
  readonly quiet: boolean;
  readonly insecure: readonly string[];
}

/** The full name on stdout, with `Digest:` and `Status:` before it unless --quiet; progress on stderr. */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const flags = parse(args);
  const { stdout, stderr, env } = context;
  if (typeof flags === "string") {
    stdout.write(flags);
    return 0;
  }
  const reference = withDefaultTag(parseReference(flags.name));
  const platform = flags.platform === undefined ? hostPlatform() : parsePlatform(flags.platform);
  const progress = new LayerProgress(stderr, { isQuiet: flags.quiet, doneWord: "Pull complete" });
  progress.line(`${reference.tag ?? reference.digest ?? ""}: Pulling from ${reference.registry}/${reference.repository}`);
  try {
    const options = { events: progress.onEvent, insecureRegistries: insecureRegistries(flags.insecure, env) };
    const pulled = await withImageWork(context, options, async (work, registry) => {
      const { pullImage } = await import("../../worker/store-commands/pull.js");
      return await pullImage(work, registry, { reference, platform });
    });
    progress.finish();
    stdout.write(flags.quiet ? `${formatReference(reference)}\n` : summary(reference, pulled));
    return 0;
  } finally {
    progress.finish();
  }
}

function summary(reference: Reference, { digest, isNew }: PulledImage): string {
  const name = familiarName(reference);
  return `Digest: ${digest}\nStatus: ${isNew ? "Downloaded newer image for" : "Image is up to date for"} ${name}\n${formatReference(reference)}\n`;
}

function parse(args: readonly string[]): PullFlags | string {
  const program = flagParser("pull")
    .usage("[flags] NAME[:TAG|@DIGEST]")
    .description("Fetches an image from its registry and unpacks it.")
    .argument("<name>")
    .addOption(new Option("-a, --all-tags", "every tag of the repository").hideHelp())
    .addOption(new Option("--disable-content-trust [off]", "signatures in Docker's old manner are never looked at").hideHelp())
    .addOption(new Option("--platform <os/arch>", "the image for this platform instead of this machine's"))
    .addOption(new Option("-q, --quiet", "no progress; the full name on stdout"))
    .addOption(repeated("--insecure-registry <host>", "host[:port] that may be spoken to in plain HTTP; may be repeated"));
  const help = parseFlags(program, args);
  if (help !== undefined) return help;
  const given: Readonly<Record<string, unknown>> = program.opts();
  if (given["allTags"] === true)
    throw new TsbuildError("UNSUPPORTED", "--all-tags: pulling every tag is not supported yet", { hint: "pull the tags one by one" });
  if (given["disableContentTrust"] === "false")
    throw new TsbuildError("UNSUPPORTED", "--disable-content-trust=false: Docker's content trust is not supported");
  const [name = ""] = program.args;
  return {
    name,
    platform: typeof given["platform"] === "string" ? given["platform"] : undefined,
    quiet: given["quiet"] === true,
    insecure: strings(given["insecureRegistry"]).flatMap((value) => value.split(",")),
  };
}
