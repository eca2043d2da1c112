/** Random instructions that change the files: COPY, ADD, RUN, WORKDIR, and USER, which decides who does it. */
import type { Stage, Step, Writer } from "./generate.js";
import type { Random } from "./random.js";

const PLACES = ["/opt/", "/new/", "/new/deep/er/", "/data/", "/tmp/", "/link/", "rel/", "./", "/"] as const;
/** Folders that are there in every stage. */
const OLD_PLACES = ["/opt/", "/data/", "/tmp/", "/link/", "/"] as const;
const TARGETS = ["/opt/file", "/new/file", "named", "/data/file", "/opt/x/y", "./here", "/link/file"] as const;
const OWNERS = ["user", "user:user", "app", "app:staff", "1000", "1000:77", "0:0", "77:app", ":78"] as const;
const MODES = ["644", "0755", "0600", "750", "4755", "1777"] as const;

export function randomCopy(writer: Writer, stage: Stage): Step {
  const { random, earlier } = writer;
  const from = random.chance(0.45) && earlier.length > 0 ? random.pick(earlier) : undefined;
  const sources = from === undefined ? contextSources(writer) : stageSources(random, from);
  return copyStep(writer, stage, [from === undefined ? "COPY" : `COPY --from=${stageName(writer, from)}`, sources]);
}

export function randomAdd(writer: Writer, stage: Stage): Step {
  const { random, context } = writer;
  const [archive] = context.archives;
  if (archive === undefined || random.chance(0.3)) return copyStep(writer, stage, ["ADD", contextSources(writer)]);
  const target = random.pick(PLACES);
  return { line: `ADD ${archive} ${target}`, stage: withTarget(stage, target) };
}

/** By name or by number. */
function stageName({ random, earlier }: Writer, stage: Stage): string {
  return random.pick([stage.name, stage.name, String(earlier.indexOf(stage))]);
}

function copyStep({ random }: Writer, stage: Stage, [head, sources]: readonly [string, Sources]): Step {
  const flags: string[] = [];
  if (random.chance(0.25)) flags.push(`--chown=${random.pick(OWNERS)}`);
  const isChmod = random.chance(0.2);
  if (isChmod) flags.push(`--chmod=${random.pick(MODES)}`);
  const target = pickTarget(random, sources, isChmod);
  return { line: [head, ...flags, operands(random, sources.names, target)].join(" "), stage: withTarget(stage, target) };
}

/** Keeps away from rules in which Buildah is known to be different: see known.ts. */
function pickTarget(random: Random, { isMany, hasFolder }: Sources, isChmod: boolean): string {
  const number = random.between(0, 9999);
  if (isChmod) return hasFolder || random.chance(0.3) ? `/moded${number}/` : random.pick(OLD_PLACES);
  if (hasFolder) return `/${random.pick(["fresh", "new/fresh"])}${number}/`;
  return isMany ? random.pick(PLACES) : random.pick([...PLACES, ...TARGETS]);
}

interface Sources {
  readonly names: readonly string[];
  /** More than one file may come of it, so the target has to be a folder. */
  readonly isMany: boolean;
  /** What is in a folder may be copied into the target. */
  readonly hasFolder: boolean;
}

function contextSources({ random, context }: Writer): Sources {
  switch (random.between(0, 4)) {
    case 0:
      return { names: [random.pick(context.folders)], isMany: false, hasFolder: true };
    case 1:
      if (context.wildcards.length > 0) return { names: [random.pick(context.wildcards)], isMany: true, hasFolder: false };
      return { names: ["a.txt"], isMany: false, hasFolder: false };
    case 2:
      return { names: [random.pick([".", "./", "/", "src/../."])], isMany: true, hasFolder: true };
    case 3:
      return { names: random.some([...context.files, ...context.folders], random.between(2, 3)), isMany: true, hasFolder: true };
    default:
      return { names: [random.pick(context.files)], isMany: false, hasFolder: false };
  }
}

function stageSources(random: Random, from: Stage): Sources {
  switch (random.between(0, 3)) {
    case 0:
      return { names: [random.pick(from.folders.filter((path) => path !== "/" && path !== "/link"))], isMany: false, hasFolder: true };
    case 1:
      return { names: ["/data/*"], isMany: true, hasFolder: true };
    case 2:
      return { names: random.some([...from.files, "/opt"], 2), isMany: true, hasFolder: true };
    default:
      return { names: [random.pick(from.files)], isMany: false, hasFolder: false };
  }
}

function operands(random: Random, sources: readonly string[], target: string): string {
  const words = [...sources, target];
  const isPlain = words.every((word) => !/\s/.test(word));
  return isPlain && random.chance(0.8) ? words.join(" ") : JSON.stringify(words);
}

function withTarget(stage: Stage, target: string): Stage {
  return target.startsWith("/") && target.endsWith("/") && target !== "/"
    ? { ...stage, folders: [...new Set([...stage.folders, target.slice(0, -1)])] }
    : stage;
}

export function randomWorkdir({ random }: Writer, stage: Stage): Step {
  const path = random.pick(["/opt", "/work", "/work/deep/er", "sub", "../side", "/link/w", "/home/user", "/w-${V0:-none}", "/"]);
  return { line: `WORKDIR ${path}`, stage: path === "/work" ? { ...stage, folders: [...stage.folders, path] } : stage };
}

export function randomUser({ random }: Writer, stage: Stage): Step {
  const user = random.pick(["user", "1000:77", "app", "root", "0", "4242", "app:user"]);
  return { line: `USER ${user}`, stage: { ...stage, isRoot: user === "root" || user === "0" } };
}

/** Commands that may fail, since the next line does not need what they do. Their complaints go nowhere. */
export function randomRun({ random }: Writer, stage: Stage): Step {
  if (stage.isRoot && random.chance(0.3)) return surelyMade(random, stage);
  if (random.chance(0.1)) return { line: `RUN ["/bin/sh", "-c", "echo exec $V0 > exec.txt || true"]`, stage };
  const commands = random.times(1, 3, () => randomCommand(random, stage));
  return { line: `RUN { ${commands.join("; ")}; } 2>/dev/null || true`, stage };
}

function surelyMade(random: Random, stage: Stage): Step {
  const path = `/made/${random.pick(["m1", "m2", "n/m3"])}`;
  const line = `RUN rm -rf ${path} && mkdir -p ${path} && echo made > ${path}/f && chmod ${random.pick(MODES)} ${path}/f`;
  return {
    line,
    stage: { ...stage, files: [...new Set([...stage.files, `${path}/f`])], folders: [...new Set([...stage.folders, path])] },
  };
}

function randomCommand(random: Random, stage: Stage): string {
  const name = random.pick(["f1", "/opt/f2", "/tmp/f3", "/new/f4", "/opt/d/f5"]);
  const other = random.pick(["g1", "/opt/g2", "/tmp/g3", "/opt/d/g4"]);
  const there = random.pick([...stage.files.filter((path) => !path.startsWith("/etc/") && !path.startsWith("/data/")), name]);
  return random.pick([
    `echo ${name} > ${name}`,
    `mkdir -p ${other}/k`,
    `cp -a ${there} ${other}`,
    `chmod ${random.pick(["600", "u+s", "g+s", "a+x", "1777", "0"])} ${name}`,
    `chown ${random.pick(["user", "1000:77", "app:staff"])} ${name}`,
    `chown -R 1000:1000 /opt`,
    `ln -s ${random.pick(["/etc/passwd", "../missing", "f2"])} ${other}`,
    `ln ${name} ${other}`,
    `mv ${name} ${other}`,
    `rm -rf ${random.pick(["/opt/d", "/tmp/f3", "/new", name])}`,
    `rm -rf /opt && mkdir /opt`,
    `mknod ${other} p`,
    `touch ${name} ${other}`,
    `env | grep -E "^(V|A|PATH)[0-9_=]" | sort > env.txt`,
    `pwd > pwd.txt`,
    `id > /tmp/id.txt`,
    `umask > /tmp/umask.txt`,
    `(umask 077; echo x > ${name}; mkdir ${other})`,
    `cat "$V0" /etc/passwd > ${name}`,
    `ls -lAn /data /opt | awk '{ print $1, $3, $4, $9 }' > /tmp/ls.txt`,
    `find /new /opt /data | sort > /tmp/find.txt`,
  ]);
}
