/** The commands for images, against a real registry, podman and skopeo. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { validateImage, validateLayout } from "../rig/image.js";
import { podmanRun, skopeo, withoutOthers } from "../rig/others.js";
import { type Ended, must, mustEnd } from "../rig/process.js";
import { startRegistry, withoutRegistry } from "../rig/real-registry.js";
import { type Rig, rigTest } from "../rig/rig.js";

/** An image `app` on a base of the store, and its ID. */
async function buildApp(rig: Rig): Promise<string> {
  await rig.makeBase();
  rig.write("file", "content\n");
  rig.dockerfile(
    "FROM base",
    "COPY file /file",
    "RUN echo made > /made",
    'LABEL kind=app other="two words"',
    "USER user",
    'CMD ["cat", "/file", "/made"]',
  );
  return (await rig.build(["-t", "app"])).imageId;
}

async function printed(rig: Rig, ...args: readonly string[]): Promise<string> {
  return mustEnd(await rig.tsbuild(args)).stdout;
}

async function failed(rig: Rig, code: number, ...args: readonly string[]): Promise<string> {
  const ended: Ended = await rig.tsbuild(args);
  assert.equal(ended.code, code, `${ended.line}\n${ended.stdout}${ended.stderr}`);
  return ended.stderr;
}

/** Paths of all blobs, snapshots and records in the rig's store. */
function kept(rig: Rig): readonly string[] {
  const folders = ["content/sha256", "snapshots", "steps", "places", "refs", "bases", "stat", "mounts", "tmp", "leases"];
  return folders.flatMap((folder) => readdirSync(join(rig.root, "v1", folder)).map((name) => `${folder}/${name}`));
}

rigTest("images, history and inspect tell what was built", async (rig) => {
  const id = await buildApp(rig);
  const short = id.slice("sha256:".length).slice(0, 12);
  assert.match(
    await printed(rig, "images"),
    /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\napp +latest +[0-9a-f]{12} .* ago +[\d.]+MB\nbase /,
  );
  assert.equal(await printed(rig, "images", "-q", "app"), `${short}\n`);
  assert.equal(await printed(rig, "images", "-q", "--no-trunc", "--filter", "label=kind=app"), `${id}\n`);
  assert.equal(await printed(rig, "images", "--filter", "since=base", "--format", "{{.Repository}}:{{.Tag}}"), "app:latest\n");
  assert.equal(await printed(rig, "images", "--filter", "reference=b*", "--format", "{{.Repository}}"), "base\n");
  assert.equal(await printed(rig, "images", "--filter", "dangling=true", "-q"), "");
  assert.equal((JSON.parse(await printed(rig, "images", "app", "--format", "json")) as { ID: string }).ID, short);
  const [shown] = JSON.parse(await printed(rig, "inspect", short)) as [
    { Id: string; RepoTags: string[]; Config: { Labels: object }; RootFS: { Layers: string[] } },
  ];
  assert.deepEqual(
    [shown.Id, shown.RepoTags, shown.Config.Labels, shown.RootFS.Layers.length],
    [id, ["app:latest"], { kind: "app", other: "two words" }, 5],
  );
  assert.equal(
    await printed(rig, "inspect", "-f", '{{.Config.User}} {{index .Config.Labels "other"}} {{json .Config.Cmd}}', "app"),
    'user two words ["cat","/file","/made"]\n',
  );
  const history = await printed(rig, "history", "--no-trunc", "--format", "{{.ID}} {{.CreatedBy}}", "app");
  assert.match(history, new RegExp(`^${id} CMD .*\\n<missing> USER user\\n`));
  assert.match(await failed(rig, 1, "inspect", "nothing", "app"), /No such object: nothing/);
  assert.match(await failed(rig, 1, "history", "nothing"), /No such image: nothing:latest/);
  await failed(rig, 2, "images", "--filter", "nonsense=1");
  await failed(rig, 1, "images", "--format", "{{.Nonsense}}");
});

rigTest("a name that moves leaves the image behind without a name, and prune takes that", async (rig) => {
  const first = await buildApp(rig);
  rig.write("file", "changed\n");
  const second = (await rig.build(["-t", "app"])).imageId;
  assert.equal(await printed(rig, "images", "--no-trunc", "-q", "--filter", "dangling=true"), `${first}\n`);
  assert.match(await printed(rig, "prune", "--force"), new RegExp(`deleted: ${first}`));
  assert.equal(await printed(rig, "images", "--no-trunc", "-q", "app"), `${second}\n`);
  assert.equal(await printed(rig, "images", "-q", "--filter", "dangling=true"), "");
  assert.match((await rig.build(["-t", "app"])).imageId, new RegExp(second), "what the image consists of is still there");
});

rigTest("tag and rmi: the image goes with its last name", async (rig) => {
  const id = await buildApp(rig);
  await printed(rig, "tag", "app", "other:1");
  await printed(rig, "tag", id, "localhost:1/repo/app:x");
  assert.match(await failed(rig, 1, "rmi", id), /must be forced.*referenced in multiple repositories/);
  assert.equal(await printed(rig, "rmi", "app"), "Untagged: app:latest\n");
  assert.match(await failed(rig, 1, "rmi", "app", "nothing"), /No such image: app:latest\nNo such image: nothing:latest/);
  assert.equal(await printed(rig, "rmi", "other:1"), "Untagged: other:1\n");
  assert.match(await printed(rig, "rmi", "localhost:1/repo/app:x"), new RegExp(`^Untagged: localhost:1/repo/app:x\nDeleted: ${id}\n$`));
  assert.equal(await printed(rig, "images", "--format", "{{.Repository}}"), "base\n");
  assert.match(await printed(rig, "rmi", "--force", "nothing"), /^$/);
});

rigTest("an image that a container uses stays until the container is gone", async (rig) => {
  const id = await buildApp(rig);
  mustEnd(await rig.tsbuild(["run", "--network=none", "--name", "c1", "app"]));
  assert.match(
    await failed(rig, 1, "rmi", "app"),
    /conflict: unable to remove repository reference "app" \(must force\) - container [0-9a-f]{12} is using/,
  );
  await printed(rig, "prune", "--all", "--force");
  assert.equal(await printed(rig, "images", "-q", "--no-trunc", "app"), `${id}\n`);
  assert.match(await printed(rig, "rmi", "--force", "app"), new RegExp(`Untagged: app:latest\nDeleted: ${id}`));
});

rigTest(
  "a saved image is good for skopeo and podman, and comes back as the same",
  async (rig) => {
    const id = await buildApp(rig);
    const archive = rig.path("app.tar");
    await printed(rig, "save", "-o", archive, "app");
    const config = JSON.parse(await skopeo("inspect", "--config", `docker-archive:${archive}`)) as { config: { User: string } };
    assert.equal(config.config.User, "user");
    await skopeo("copy", `oci-archive:${archive}`, `oci:${rig.path("copied")}:app`);
    assert.equal((await validateImage(rig.path("copied"))).id, id);
    mkdirSync(rig.path("unpacked"));
    await must("tar", "-xf", archive, "-C", rig.path("unpacked"));
    assert.equal((await validateImage(rig.path("unpacked"))).id, id);
    const ran = mustEnd(await podmanRun(rig.path("podman"), archive, "docker.io/library/app:latest", ["cat", "/file"]));
    assert.equal(ran.stdout, "content\n");

    const elsewhere = { root: rig.path("elsewhere") };
    assert.equal(mustEnd(await rig.tsbuild(["load", "-i", archive], elsewhere)).stdout, "Loaded image: app:latest\n");
    assert.equal(mustEnd(await rig.tsbuild(["images", "-q", "--no-trunc"], elsewhere)).stdout, `${id}\n`);
    assert.equal(mustEnd(await rig.tsbuild(["run", "--rm", "--network=none", "app"], elsewhere)).stdout, "content\nmade\n");
    rig.dockerfile("FROM app", "USER root", "RUN cat /file > /copy");
    await rig.build(["--network=none"], elsewhere);
    mustEnd(await rig.tsbuild(["prune", "--all", "--force"], elsewhere));
  },
  { skip: withoutOthers },
);

rigTest("save writes to stdout, several images and names at once, and load reads it compressed from stdin", async (rig) => {
  const id = await buildApp(rig);
  await printed(rig, "tag", "app", "app:second");
  const archive = rig.path("both.tar");
  mustEnd(await rig.tsbuild(["save", "app", "base"], { wrap: ["sh", "-c", `"$@" > ${archive}`, "sh"] }));
  mkdirSync(rig.path("unpacked"));
  await must("tar", "-xf", archive, "-C", rig.path("unpacked"));
  const manifest = JSON.parse(readFileSync(rig.path("unpacked", "manifest.json"), "utf8")) as { RepoTags: string[] }[];
  assert.deepEqual(manifest.map(({ RepoTags }) => RepoTags.toSorted()).toSorted(), [["app:latest", "app:second"], ["base:latest"]]);
  assert.equal((await validateLayout(rig.path("unpacked"))).length, 3, "a root for each name");
  writeFileSync(rig.path("both.tar.gz"), gzipSync(readFileSync(archive)));
  await printed(rig, "rmi", "app", "app:second", "base");
  const loaded = mustEnd(await rig.tsbuild(["load"], { wrap: ["sh", "-c", `"$@" < ${rig.path("both.tar.gz")}`, "sh"] }));
  assert.deepEqual(loaded.stdout.split("\n").toSorted(), [
    "",
    "Loaded image: app:latest",
    "Loaded image: app:second",
    "Loaded image: base:latest",
  ]);
  assert.equal(await printed(rig, "inspect", "-f", "{{.Id}}", "app:second"), `${id}\n`);
  assert.match(await failed(rig, 1, "save", "-o", rig.path("none.tar"), "nothing"), /No such image: nothing:latest/);
  assert.ok(!existsSync(rig.path("none.tar")));
  writeFileSync(rig.path("broken.tar.gz"), gzipSync(readFileSync(archive)).subarray(0, 5000));
  assert.match(await failed(rig, 1, "load", "-i", rig.path("broken.tar.gz")), /the archive can't be read/);
  assert.match(await failed(rig, 1, "load", "-i", rig.path("missing.tar")), /no such file or directory/);
});

rigTest(
  "push and pull: the image keeps its ID, and the registry has it whole",
  async (rig) => {
    await using registry = await startRegistry(rig.folder);
    const id = await buildApp(rig);
    const name = `${registry.host}/team/app:v1`;
    await printed(rig, "tag", "app", name);
    const pushed = /^v1: digest: (sha256:[0-9a-f]{64}) size: \d+\n$/.exec(await printed(rig, "push", name))?.[1] ?? "";
    assert.equal(await printed(rig, "inspect", "-f", "{{json .RepoDigests}}", name), `["${registry.host}/team/app@${pushed}"]\n`);

    const elsewhere = { root: rig.path("elsewhere") };
    const pulled = mustEnd(await rig.tsbuild(["pull", name], elsewhere));
    assert.equal(pulled.stdout, `Digest: ${pushed}\nStatus: Downloaded newer image for ${name}\n${name}\n`);
    assert.match(pulled.stderr, /Pull complete/);
    assert.match(mustEnd(await rig.tsbuild(["pull", name], elsewhere)).stdout, /Status: Image is up to date/);
    assert.equal(
      mustEnd(await rig.tsbuild(["pull", "-q", `${registry.host}/team/app@${pushed}`], elsewhere)).stdout,
      `${registry.host}/team/app@${pushed}\n`,
    );
    assert.equal(
      mustEnd(await rig.tsbuild(["inspect", "-f", "{{.Id}}", `${registry.host}/team/app@${pushed}`], elsewhere)).stdout,
      `${id}\n`,
    );
    assert.match(
      mustEnd(await rig.tsbuild(["images", "--digests"], elsewhere)).stdout,
      new RegExp(`${registry.host}/team/app +v1 +${pushed} `),
    );
    assert.equal(mustEnd(await rig.tsbuild(["run", "--rm", "--network=none", name], elsewhere)).stdout, "content\nmade\n");

    mustEnd(await rig.tsbuild(["tag", name, `${registry.host}/copy/app`], elsewhere));
    mustEnd(await rig.tsbuild(["push", "-q", `${registry.host}/copy/app`], elsewhere));
    await skopeo("copy", "--src-tls-verify=false", `docker://${registry.host}/copy/app:latest`, `oci:${rig.path("copied")}:x`);
    assert.equal((await validateImage(rig.path("copied"))).id, id);

    assert.match(await failed(rig, 1, "pull", `${registry.host}/missing/image:tag`), /missing\/image/);
    assert.match(await failed(rig, 1, "push", `${registry.host}/not/here`), /An image does not exist locally with the tag/);
    mustEnd(await rig.tsbuild(["rmi", "-f", id.slice(7, 19)], elsewhere));
    assert.equal(mustEnd(await rig.tsbuild(["images", "-q"], elsewhere)).stdout, "");
  },
  { skip: withoutRegistry || withoutOthers },
);

rigTest(
  "an image of several platforms is pushed whole, pulled by platform, and goes whole",
  async (rig) => {
    await using registry = await startRegistry(rig.folder);
    rig.write("file", "content\n");
    rig.dockerfile("FROM scratch", "ARG TARGETARCH", "COPY file /file", "LABEL arch=$TARGETARCH");
    const name = `${registry.host}/multi:1`;
    await rig.build(["--platform", "linux/amd64,linux/arm64", "-t", name]);
    await printed(rig, "push", name);
    await skopeo("copy", "--all", "--src-tls-verify=false", `docker://${name}`, `oci:${rig.path("copied")}:x`);
    const images = await validateLayout(rig.path("copied"));
    assert.deepEqual(images.map(({ config }) => config.architecture).toSorted(), ["amd64", "arm64"]);
    assert.equal(await printed(rig, "prune", "--force"), "Total reclaimed space: 0B\n");
    await printed(rig, "rmi", name);
    assert.equal(await printed(rig, "images", "-q"), "");
    for (const architecture of ["arm64", "amd64"]) {
      await printed(rig, "pull", "-q", "--platform", `linux/${architecture}`, name);
      assert.equal(
        await printed(rig, "inspect", "-f", '{{.Architecture}} {{index .Config.Labels "arch"}}', name),
        `${architecture} ${architecture}\n`,
      );
    }
    assert.match(await failed(rig, 1, "pull", "--platform", "linux/s390x", name), /s390x/);
  },
  { skip: withoutRegistry || withoutOthers },
);

rigTest("prune --all leaves an empty store, and du agrees before and after", async (rig) => {
  await buildApp(rig);
  mustEnd(await rig.tsbuild(["save", "-o", rig.path("app.tar"), "app"]));
  const sizeOnDisk = Number((await must("du", "-s", "--block-size=1", rig.root)).split("\t")[0]);
  const total = /^Total .*? (\d[\d.]*)MB /m.exec(await printed(rig, "du"))?.[1] ?? "";
  assert.ok(Math.abs(Number(total) * 1e6 - sizeOnDisk) < 0.1 * sizeOnDisk, `du says ${total}MB, the disk ${sizeOnDisk}`);
  const before = kept(rig).length;
  const dry = await printed(rig, "prune", "--all", "--dry-run");
  assert.equal(kept(rig).length, before);
  assert.match(await failed(rig, 1, "prune", "--all"), /prune has been cancelled/);
  const done = await printed(rig, "prune", "--all", "--force");
  assert.equal(done.replace("Total reclaimed space:", "Would reclaim"), dry);
  assert.deepEqual(kept(rig), []);
  assert.ok(statSync(rig.root).isDirectory());
});

rigTest("prune spares what was used since the time that is given", async (rig) => {
  await buildApp(rig);
  const before = kept(rig).length;
  assert.equal(await printed(rig, "prune", "--all", "--force", "--filter", "until=24h"), "Total reclaimed space: 0B\n");
  assert.equal(kept(rig).length, before);
});
