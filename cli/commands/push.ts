import { Option } from "commander";
import { TsbuildError } from "../../base/errors.js";
import { parsePlatform, type Platform } from "../../base/platform.js";
import { formatReference, parseReference, type Reference, withDefaultTag } from "../../image/reference.js";
import type { PushedImage } from "../../worker/store-commands/push.js";
import type { CommandContext } from "../context.js";
import { withImageWork } from "../images/open.js";
import { LayerProgress } from "../images/progress.js";
import { flagParser, parseFlags, repeated, strings } from "../values/flags.js";
import { insecureRegistries } from "../values/insecure-registries.js";

interface PushFlags {
  readonly reference: Reference;
  readonly allTags: boolean;
  readonly platform: Platform | undefined;
  readonly quiet: boolean;
  readonly insecure: readonly string[];
}

/** `TAG: digest: sha256:… size: BYTES` on stdout, with --quiet the full name; progress on stderr. */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const flags = parse(args);
  const { stdout, stderr, env } = context;
  if (typeof flags === "string") {
    stdout.write(flags);
    return 0;
  }
  const progress = new LayerProgress(stderr, { isQuiet: flags.quiet, doneWord: "Pushed" });
  try {
    const options = { events: () => undefined, insecureRegistries: insecureRegistries(flags.insecure, env) };
    const pushed = await withImageWork(context, options, async (work, registry) => {
      const { pushImages } = await import("../../worker/store-commands/push.js");
      return await pushImages(work, registry, {
        ...flags,
        onName: (name) => progress.line(`The push refers to repository [${formatReference({ ...name, tag: undefined })}]`),
        onProgress: ({ digest, size }, current) => progress.update(digest, { current, total: size, isDone: current >= size }),
      });
    });
    progress.finish();
    stdout.write(
      flags.quiet ? `${formatReference(flags.allTags ? flags.reference : withDefaultTag(flags.reference))}\n` : pushed.map(line).join(""),
    );
    return 0;
  } finally {
    progress.finish();
  }
}

function line({ name, root }: PushedImage): string {
  return `${name.tag ?? "latest"}: digest: ${root.digest} size: ${root.size}\n`;
}

function parse(args: readonly string[]): PushFlags | string {
  const program = flagParser("push")
    .usage("[flags] NAME[:TAG]")
    .description("Sends an image to the registry that its name says.")
    .argument("<name>")
    .addOption(new Option("-a, --all-tags", "every tag of the repository"))
    .addOption(new Option("--disable-content-trust [off]", "nothing is ever signed in Docker's old manner").hideHelp())
    .addOption(new Option("--platform <os/arch>", "only the image for this platform"))
    .addOption(new Option("-q, --quiet", "no progress; the full name on stdout"))
    .addOption(repeated("--insecure-registry <host>", "host[:port] that may be spoken to in plain HTTP; may be repeated"));
  const help = parseFlags(program, args);
  if (help !== undefined) return help;
  const given: Readonly<Record<string, unknown>> = program.opts();
  if (given["disableContentTrust"] === "false")
    throw new TsbuildError("UNSUPPORTED", "--disable-content-trust=false: Docker's content trust is not supported");
  const [name = ""] = program.args;
  const reference = parseReference(name);
  const allTags = given["allTags"] === true;
  if (reference.digest !== undefined)
    throw new TsbuildError("USAGE", `cannot push a digest reference: ${name}`, { hint: "push the image by a tag" });
  if (allTags && reference.tag !== undefined) throw new TsbuildError("USAGE", "tag can't be used with --all-tags/-a");
  return {
    reference,
    allTags,
    platform: typeof given["platform"] === "string" ? parsePlatform(given["platform"]) : undefined,
    quiet: given["quiet"] === true,
    insecure: strings(given["insecureRegistry"]).flatMap((value) => value.split(",")),
  };
}
