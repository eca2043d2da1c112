import { Option } from "commander";
import { TsbuildError } from "../../base/errors.js";
import type { Store } from "../../cache/store.js";
import { openStore } from "../../worker/open-store.js";
import { noSuchImage } from "../../worker/store-commands/catalog.js";
import type { CommandContext } from "../context.js";
import { forEach } from "../images/failures.js";
import { inspectImage } from "../images/inspect.js";
import { flagParser, parseFlags } from "../values/flags.js";
import { goJson } from "../values/go-values.js";
import { compileTemplate } from "../values/template.js";

type Finder = (store: Store, name: string) => Promise<object | undefined>;

/** In the order in which a name is looked for. */
const FINDERS: Readonly<Record<string, Finder>> = { image: inspectImage };
const INDENT = 4;

/** A list in JSON on stdout, or a line of the template for each. */
export async function run(args: readonly string[], { root, stdout }: CommandContext): Promise<number> {
  const program = flagParser("inspect")
    .usage("[flags] NAME|ID…")
    .description("Shows all that is known of images, as JSON.")
    .argument("<name...>")
    .addOption(new Option("-f, --format <format>", "json, or a Go template: '{{.Config.User}}'"))
    .addOption(new Option("-s, --size", "sizes of containers too"))
    .addOption(new Option("--type <type>", `only things of this kind: ${Object.keys(FINDERS).join(", ")}`));
  const help = parseFlags(program, args);
  if (help !== undefined) {
    stdout.write(help);
    return 0;
  }
  const { format, type }: { format?: string; type?: string } = program.opts();
  const finders = findersOf(type);
  const render = format === undefined || format === "json" ? undefined : compileTemplate(format);
  const objects: object[] = [];
  try {
    await using store = await openStore(root);
    await forEach(program.args, async (name) => {
      const object = await find(store, name, { type, finders });
      if (render === undefined) objects.push(object);
      else stdout.write(`${render(object)}\n`);
    });
  } finally {
    if (render === undefined) stdout.write(format === "json" ? lines(objects) : `${goJson(objects, INDENT)}\n`);
  }
  return 0;
}

function lines(objects: readonly object[]): string {
  return objects.map((object) => `${goJson(object)}\n`).join("");
}

/** @throws {TsbuildError} USAGE */
function findersOf(type: string | undefined): readonly Finder[] {
  if (type === undefined) return Object.values(FINDERS);
  const finder = Object.hasOwn(FINDERS, type) ? FINDERS[type] : undefined;
  if (finder !== undefined) return [finder];
  throw new TsbuildError("USAGE", `--type ${type}: "${type}" is not a valid value for --type`, {
    hint: `known are ${Object.keys(FINDERS).join(", ")}`,
  });
}

async function find(
  store: Store,
  name: string,
  { type, finders }: { readonly type: string | undefined; readonly finders: readonly Finder[] },
): Promise<object> {
  for (const finder of finders) {
    const object = await finder(store, name);
    if (object !== undefined) return object;
  }
  throw type === "image"
    ? noSuchImage(name)
    : new TsbuildError("OBJECT_NOT_FOUND", `No such object: ${name}`, { hint: "tsbuild images lists the images" });
}
