// Checks of the data folder that do not open the database: its permissions, its files, its free space.
import { accessSync, chmodSync, constants, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { freeBytes, sizeText } from "../lib/files/room.ts";
import { systemReason } from "../lib/system-errors.ts";
import { commandLine } from "../lib/text/command-line.ts";
import { ballastBytes, foldLog } from "../storage/admin.ts";
import { fail, type Finding, ok, warn } from "./finding.ts";

const LITTLE_ROOM = 64 << 20; // bytes
const NO_ROOM = 8 << 20;
/** Size to which SQLite truncates its log; a larger log is held by a reader. */
const LARGE_LOG = 65 << 20;

export function checkPlace(file: string): Finding[] {
  return [
    checkPermissions(file),
    checkAccess(file),
    checkRoom(file),
    checkBallast(file),
    checkLog(file),
  ];
}

function checkPermissions(file: string): Finding {
  const check = "permissions";
  if (process.platform === "win32") return ok(check, "Windows keeps them its own way.");
  const folder = dirname(file);
  const paths = readdirSync(folder)
    .filter((name) => name.startsWith(basename(file)))
    .map((name) => join(folder, name));
  const open = [folder, ...paths].filter((path) => (statSync(path).mode & 0o077) !== 0);
  if (open.length === 0) return ok(check, "Only the owner can read the folder and its files.");
  const says = `Others than the owner have rights on ${open.join(", ")}.`;
  // Ignore files in a closed folder: other users cannot reach them.
  const exposed = (statSync(folder).mode & 0o007) !== 0 && open.some((path) => path !== folder);
  return {
    ...(exposed ? fail : warn)(
      check,
      says,
      `\`${commandLine("doctor --fix")}\` makes the folder 0700 and its files 0600.`,
    ),
    fix() {
      for (const path of open) chmodSync(path, path === folder ? 0o700 : 0o600);
      return `Only the owner has rights on ${open.join(", ")} now.`;
    },
  };
}

function checkAccess(file: string): Finding {
  try {
    for (const path of [dirname(file), file]) accessSync(path, constants.R_OK | constants.W_OK);
    return ok("writable", "This user can read and write the database.");
  } catch (error) {
    return fail(
      "writable",
      `This user cannot write it: ${systemReason(error) ?? "unknown"}.`,
      "Run Holdfast as the owner of the data folder, or change the owner.",
    );
  }
}

function checkRoom(file: string): Finding {
  const free = freeBytes(dirname(file));
  if (free === undefined) return ok("disk", "This system does not tell how much room is left.");
  const says = `${sizeText(free)} are free.`;
  if (free < NO_ROOM) return fail("disk", says, "Free some space: soon nothing can be stored.");
  if (free < statSync(file).size + LITTLE_ROOM)
    return warn("disk", says, "Free some space: a copy before an upgrade would not fit.");
  return ok("disk", says);
}

function checkBallast(file: string): Finding {
  const size = ballastBytes(file);
  return size > 0
    ? ok("ballast", `${sizeText(size)} are set aside for deleting on a full disk.`)
    : ok("ballast", "Nothing is set aside for a full disk yet: a running server does it.");
}

function checkLog(file: string): Finding {
  const size = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (size < LARGE_LOG) return ok("log", `The write-ahead log has ${sizeText(size)}.`);
  return {
    ...warn(
      "log",
      `The write-ahead log has ${sizeText(size)}: a program reads for a long time, or was killed.`,
      `\`${commandLine("doctor --fix")}\` folds it into the database.`,
    ),
    fix: () =>
      foldLog(file)
        ? "The log is folded into the database."
        : "Another program is still reading from the log: end it first.",
  };
}
