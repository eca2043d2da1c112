/** Other programs that read images: what we make has to be good in their eyes, too. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Ended, must, run } from "./process.js";

/** Why podman and skopeo can't be asked, or false. */
export const withoutOthers: string | false = ["/usr/bin/podman", "/usr/bin/skopeo"].every(existsSync)
  ? false
  : "podman and skopeo are not installed";

export function skopeo(...args: readonly string[]): Promise<string> {
  return must("skopeo", "--insecure-policy", ...args);
}

/**
 * Loads a docker archive into a podman of our own in `folder` and runs `args` in the image.
 * In a view of the mounts without cgroup version 2, since crun refuses to work where both versions are there.
 */
export async function podmanRun(folder: string, archive: string, image: string, args: readonly string[]): Promise<Ended> {
  const [graph, runRoot, temporary] = ["graph", "run", "tmp"].map((name) => join(folder, name));
  for (const path of [graph, runRoot, temporary]) mkdirSync(path ?? "", { recursive: true });
  const podman = `podman --root ${graph} --runroot ${runRoot} --tmpdir ${temporary} --storage-driver vfs --cgroup-manager cgroupfs --events-backend file`;
  const limits = "--ulimit nofile=1000:1000 --ulimit nproc=1000:1000";
  const script = [
    "mountpoint -q /sys/fs/cgroup/unified && umount -l /sys/fs/cgroup/unified",
    `${podman} load -q -i ${archive} >&2 || exit 1`,
    `exec ${podman} run --rm --network=none ${limits} ${image} "$@"`,
  ];
  return run("unshare", ["--mount", "--propagation", "slave", "sh", "-c", script.join("\n"), "podman", ...args]);
}
