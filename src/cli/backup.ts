// `holdfast backup FILE`: a copy of everything in one file, while the server goes on.
import { loadConfig } from "../config.ts";
import { asTexts, type Settings } from "../holdfast.ts";
import { backUp } from "../storage/backup.ts";
import { sizeText } from "../storage/files.ts";
import { databaseFile } from "../storage/storage.ts";
import { withProgress } from "./progress.ts";
import { counted, type Terminal } from "./terminal.ts";

export interface CopyFlags {
  force?: boolean;
  json?: boolean;
}

export async function backup(
  settings: Settings,
  target: string,
  { force, json }: CopyFlags,
  terminal: Terminal,
): Promise<void> {
  const config = loadConfig({ flags: asTexts(settings), env: process.env });
  const source = databaseFile(config["data-dir"]);
  const stopping = new AbortController();
  terminal.onStop(() => Promise.resolve(stopping.abort()));
  const began = performance.now();
  const made = await withProgress(terminal, "Backing up", (onProgress) =>
    backUp({ source, target, force, onProgress, signal: stopping.signal }),
  );
  const ms = Math.round(performance.now() - began);
  if (json) return terminal.print(JSON.stringify({ ...made, ms }));
  const { file, bytes, sessions, messages } = made;
  terminal.print(
    `${file} is written and checked: ${sizeText(bytes)}, ${counted(sessions, "session")}, ` +
      `${counted(messages, "message")}, in ${(ms / 1000).toFixed(1)} s.`,
  );
}
