// File systems that only one process and its children see.
import { spawnSync } from "node:child_process";

/** The beginning of a command that has an empty file system of `size` in `folder`; /proc/PID/root shows it to others. */
export const ownDisk = (folder: string, size: string): readonly string[] => [
  ...["unshare", "--mount", "--map-root-user", "sh", "-c"],
  ...['mount -t tmpfs -o size="$1" tmpfs "$0" && shift && exec "$@"', folder, size],
];

/** True where this machine mounts something for us. */
export const canMount =
  spawnSync("unshare", ownDisk("/mnt", "1m").slice(1).concat("true")).status === 0;
