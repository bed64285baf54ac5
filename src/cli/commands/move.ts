// `holdfast move --to PLACE`: copies everything from a data folder to a database on a server, or back.
import { resolve } from "node:path";
import { asTexts, type Config, loadConfig, type Settings } from "../../config/config.ts";
import { folderOf, serverOf } from "../../config/data-place.ts";
import { isDatabaseUrl } from "../../config/database-url.ts";
import { AppError } from "../../lib/errors.ts";
import * as storage from "../../storage/moves.ts";
import { withProgress } from "../terminal/progress.ts";
import { counted, type Terminal } from "../terminal/terminal.ts";

export interface MoveFlags {
  to: string;
  json?: boolean;
}

export async function move(
  settings: Settings,
  { to, json }: MoveFlags,
  terminal: Terminal,
): Promise<void> {
  const config = loadConfig({ flags: asTexts(settings), env: process.env });
  refuseSame(config, to);
  const stopping = new AbortController();
  terminal.onStop(() => Promise.resolve(stopping.abort()));
  await using closing = new AsyncDisposableStack();
  const source = await sourceOf(config);
  closing.defer(() => source.close());
  const isServer = isDatabaseUrl(to);
  const target = isServer ? await storage.postgresTarget(to) : storage.sqliteTarget(resolve(to));
  closing.defer(() => target.close());
  const moved = await withProgress(terminal, "Moving", (onProgress) =>
    storage.move(source, target, { onProgress, signal: stopping.signal }),
  );
  if (json) return terminal.print(JSON.stringify(moved));
  const { from, rows, sessions, messages } = moved;
  terminal.print(
    `${counted(sessions, "session")} and ${counted(messages, "message")} are in ${moved.to} now; ` +
      `${counted(rows, "row")} were compared.`,
  );
  terminal.print(
    `${from} is as it was. Start every server with ${isServer ? "--database-url" : "--data-dir"} and the new place from now on.`,
  );
}

const sourceOf = (config: Config) => {
  const server = serverOf(config);
  return server === undefined
    ? Promise.resolve(storage.sqliteSource(folderOf(config)!))
    : storage.postgresSource(server.url, Date.now());
};

function refuseSame(config: Config, to: string): void {
  const from = serverOf(config)?.url ?? folderOf(config);
  if (isDatabaseUrl(to) ? from !== to : from !== resolve(to)) return;
  throw new AppError("invalid", "--to names the place where the data are already.", {
    hint: "Name another folder, or the address of a database: --to postgres://…",
  });
}
