// `holdfast move --to PLACE`: copies everything from a data folder to a database on a server, or back.
import { resolve } from "node:path";
import { asTexts, type Config, loadConfig, type Settings } from "../../config/config.ts";
import { folderOf, serverOf } from "../../config/data-place.ts";
import { databaseUrlFault, isMeantAsUrl } from "../../config/database-url.ts";
import { AppError } from "../../lib/errors.ts";
import { expectedText } from "../../lib/text/expected.ts";
import { counted } from "../../lib/text/plural.ts";
import * as storage from "../../storage/moves.ts";
import { withProgress } from "../terminal/progress.ts";
import type { Terminal } from "../terminal/terminal.ts";

export interface MoveFlags {
  to: string;
  json?: boolean;
}

export async function move(
  settings: Settings,
  { to: given, json }: MoveFlags,
  terminal: Terminal,
): Promise<void> {
  const config = loadConfig({ flags: asTexts(settings), env: process.env });
  const isServer = isMeantAsUrl(given);
  const to = isServer ? addressOf(given) : resolve(given);
  refuseSame(config, to);
  const stopping = new AbortController();
  terminal.onStop(() => Promise.resolve(stopping.abort()));
  await using closing = new AsyncDisposableStack();
  const source = await sourceOf(config);
  closing.defer(() => source.close());
  const target = await (isServer ? storage.postgresTarget(to) : storage.sqliteTarget(to));
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
    : storage.postgresSource(server.url);
};

/** @throws AppError for a misspelt address, which would otherwise be the name of a folder */
function addressOf(given: string): string {
  const address = given.trim();
  const fault = databaseUrlFault(address);
  if (fault === undefined) return address;
  throw new AppError("start", expectedText("--to", fault, { value: address, secret: true }));
}

function refuseSame(config: Config, to: string): void {
  const from = serverOf(config)?.url ?? folderOf(config);
  if (from !== to) return;
  throw new AppError("invalid", "--to names the place where the data are already.", {
    hint: "Name another folder, or the address of a database: --to postgres://…",
  });
}
