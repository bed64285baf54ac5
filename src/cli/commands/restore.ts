// `holdfast restore FILE`: replaces the database by a backup.
import { asTexts, loadConfig, type Settings } from "../../config/config.ts";
import { sizeText } from "../../lib/files/room.ts";
import { counted } from "../../lib/text/plural.ts";
import { databaseFile, restore as restoreFile } from "../../storage/admin.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { CopyFlags } from "./backup.ts";
import { refuseServer } from "./dump.ts";

export function restore(
  settings: Settings,
  source: string,
  { force, json }: CopyFlags,
  terminal: Terminal,
): void {
  const config = loadConfig({ flags: asTexts(settings), env: process.env });
  refuseServer(config, "restore", source);
  const restored = restoreFile({ source, target: databaseFile(config["data-dir"]), force });
  if (json) return terminal.print(JSON.stringify(restored));
  const { file, bytes, sessions, messages, kept, revoked } = restored;
  terminal.print(
    `${file} is restored and checked: ${sizeText(bytes)}, ${counted(sessions, "session")}, ` +
      `${counted(messages, "message")}.`,
  );
  if (revoked === null)
    terminal.print(
      "Keys, passkeys and grants are as at the backup: revoke again what was revoked since.",
    );
  else if (revoked > 0)
    terminal.print(
      `Revoked since the backup, and still revoked: ${counted(revoked, "key, passkey or grant", "keys, passkeys or grants")}.`,
    );
  if (kept !== null) terminal.print(`What was there before is in ${kept}.`);
}
