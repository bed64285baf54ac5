// `holdfast backup FILE`: copies everything into one file, while the server runs. In a folder, the file is named by its
// time, and --keep removes the oldest.
import { asTexts, loadConfig, type Settings } from "../../config/config.ts";
import { sizeText } from "../../lib/files/room.ts";
import { counted } from "../../lib/text/plural.ts";
import { backUp, databaseFile } from "../../storage/admin.ts";
import { withProgress } from "../terminal/progress.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { refuseServer } from "./dump.ts";

export interface CopyFlags {
  force?: boolean;
  json?: boolean;
}

export interface BackupFlags extends CopyFlags {
  keep?: number;
}

export async function backup(
  settings: Settings,
  target: string,
  { force, json, keep }: BackupFlags,
  terminal: Terminal,
): Promise<void> {
  const config = loadConfig({ flags: asTexts(settings), env: process.env });
  refuseServer(config, "backup", target);
  const source = databaseFile(config["data-dir"]);
  const stopping = new AbortController();
  terminal.onStop(() => Promise.resolve(stopping.abort()));
  const began = performance.now();
  const made = await withProgress(terminal, "Backing up", (onProgress) =>
    backUp({ source, target, force, keep, onProgress, signal: stopping.signal }),
  );
  const ms = Math.round(performance.now() - began);
  if (json) return terminal.print(JSON.stringify({ ...made, ms }));
  const { file, bytes, sessions, messages, removed } = made;
  terminal.print(
    `${file} is written and checked: ${sizeText(bytes)}, ${counted(sessions, "session")}, ` +
      `${counted(messages, "message")}, in ${(ms / 1000).toFixed(1)} s.`,
  );
  if (removed.length > 0) terminal.print(`Deleted ${counted(removed.length, "older backup")}.`);
}
