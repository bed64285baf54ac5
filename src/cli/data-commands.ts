// `holdfast cleanup`, `backup`, `restore`, `move` and `doctor`: their flags.
import type { Command } from "commander";
import type { SettingName } from "../config/config.ts";
import type { BackupFlags, CopyFlags } from "./commands/backup.ts";
import type { CleanupFlags } from "./commands/cleanup.ts";
import type { MoveFlags } from "./commands/move.ts";
import type { DoctorFlags } from "./doctor/doctor.ts";
import { readCount, readPath } from "./help.ts";
import { settingsOf, withAllSettings, withSettings } from "./setting-flags.ts";
import type { Terminal } from "./terminal/terminal.ts";

const PLACE: readonly SettingName[] = ["data-dir", "database-url"];

const CLEANUP: readonly SettingName[] = [
  ...PLACE,
  ...(["max-age", "client-age", "stream-grace", "cleanup-interval"] as const),
  ...(["durability", "log-level"] as const),
];

const BACKUP_HELP = `
FILE may be a folder: the file in it is then holdfast-TIME.db, and --keep 14 deletes all but the newest
14 of that naming. A link is written through; a pipe or a device is refused.`;

const MOVE_HELP = `
Stop all servers first. The data are copied and compared; the place where they were keeps them. Clients go
on with the same ids once a server runs on the new place.`;

export function addDataCommands(program: Command, terminal: Terminal): void {
  withSettings(
    program.command("cleanup").description("delete expired sessions, clients and streams"),
    CLEANUP,
  )
    .option("--dry-run", "only show what would be deleted")
    .option("--yes", "also delete what the last run kept, without asking")
    .option("--json", "print JSON")
    .action(async (flags: CleanupFlags) =>
      (await import("./commands/cleanup.ts")).cleanup(settingsOf(flags), flags, terminal),
    );

  withSettings(
    program
      .command("backup <file>")
      .description("copy the database to one file while the server runs"),
    PLACE,
  )
    .option("--force", "replace an existing file")
    .option(
      "--keep <number>",
      "in a folder: delete all but this number of its backups",
      readCount("keep"),
    )
    .option("--json", "print JSON")
    .addHelpText("after", BACKUP_HELP)
    .action(async (file: string, flags: BackupFlags) =>
      (await import("./commands/backup.ts")).backup(
        settingsOf(flags),
        readPath("file")(file),
        flags,
        terminal,
      ),
    );

  withSettings(
    program.command("restore <file>").description("replace the database by a backup"),
    PLACE,
  )
    .option("--force", "replace an existing database; a copy of it is kept")
    .option("--json", "print JSON")
    .action(async (file: string, flags: CopyFlags) =>
      (await import("./commands/restore.ts")).restore(
        settingsOf(flags),
        readPath("file")(file),
        flags,
        terminal,
      ),
    );

  withSettings(
    program
      .command("move")
      .description("copy everything to PostgreSQL, or from there to a data folder"),
    PLACE,
  )
    .requiredOption(
      "--to <place>",
      "address of an empty database, or a new data folder",
      readPath("to"),
    )
    .option("--json", "print JSON")
    .addHelpText("after", MOVE_HELP)
    .action(async (flags: MoveFlags) =>
      (await import("./commands/move.ts")).move(settingsOf(flags), flags, terminal),
    );

  withAllSettings(program.command("doctor").description("check settings, data folder and database"))
    .option("--fix", "repair file rights and a log that has grown")
    .option("--json", "print JSON")
    .action(async (flags: DoctorFlags) =>
      (await import("./doctor/doctor.ts")).doctor(settingsOf(flags), flags, terminal),
    );
}
