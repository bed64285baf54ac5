// `holdfast connect PROGRAM`: prints or writes the configuration with which a program finds this server.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { hasSignIn } from "../../config/auth-server.ts";
import { asTexts, type Config, loadConfig, type Settings } from "../../config/config.ts";
import { folderOf, serverOf } from "../../config/data-place.ts";
import { KEY_VARIABLE } from "../../config/report.ts";
import { bearer, KEY_PLACEHOLDER, serverUrl, withName } from "../../http/connect/client-config.ts";
import {
  CONFIGURED,
  type ConfiguredProgram,
  MANUAL,
  thisPlace,
  type Way,
  type Ways,
} from "../../http/connect/programs.ts";
import { json, nested, snippet } from "../../http/connect/snippet.ts";
import { AppError } from "../../lib/errors.ts";
import { findTarget, timestamp } from "../../lib/files/target.ts";
import { writeWhole } from "../../lib/files/whole-file.ts";
import { atFile } from "../../lib/system-errors.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import { eitherOf } from "../../lib/text/expected.ts";
import { similarTo } from "../../lib/text/similar.ts";
import { checkName } from "../../sessions/texts.ts";
import { ownCommand } from "../own-command.ts";
import { table } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { hasDatabase, withData } from "../with-data.ts";
import { type Edit, putIntoJson, putIntoToml } from "./edit.ts";

export interface ConnectFlags {
  name: string;
  url?: string;
  stdio?: boolean;
  write?: boolean;
  json?: boolean;
}

export async function connect(
  settings: Settings,
  program: string | undefined,
  flags: ConnectFlags,
  terminal: Terminal,
): Promise<void> {
  if (program === undefined) return listPrograms(flags, terminal);
  checkName(flags.name);
  const config = loadConfig({ flags: asTexts(settings), env: process.env });
  const known = CONFIGURED[program];
  if (known !== undefined) return configure(settings, config, known, flags, terminal);
  const manual = MANUAL[program];
  if (manual === undefined) throw unknownProgram(program);
  if (flags.write || flags.stdio)
    throw new AppError("start", `${manual.title} has no file that could be written.`, {
      hint: `${commandLine(`connect ${program}`)} says what to enter.`,
    });
  const http = httpWay(config, flags, await asksForKey(settings, config));
  const url = new URL(http.url);
  if (manual.needsPublicAddress && url.protocol !== "https:")
    throw new AppError(
      "start",
      `${manual.title} comes from the internet: it needs an https address.`,
      {
        hint: "Name this server's with --public-url https://….",
      },
    );
  const steps = manual.steps(http);
  if (flags.json) return terminal.print(json({ program: manual.title, steps }));
  for (const line of steps) terminal.print(line);
}

async function configure(
  settings: Settings,
  config: Config,
  program: ConfiguredProgram,
  flags: ConnectFlags,
  terminal: Terminal,
): Promise<void> {
  const way = chooseWay(program, flags);
  const ways: Ways = {
    http: httpWay(config, flags, way === "http" && (await asksForKey(settings, config))),
    stdio: stdioWay(config, flags.name),
  };
  if (way === "stdio" && !hasDatabase(settings))
    terminal.warn(
      `holdfast: ${resolve(config["data-dir"])} holds no conversations yet. --data-dir names another folder.`,
    );
  const entry = way === "http" ? program.entry.http!(ways.http) : program.entry.stdio!(ways.stdio);
  const file = program.file(thisPlace(process.env));
  if (flags.write) return write(program, file, entry, terminal);
  if (flags.json) {
    const whole = nested([...program.servers, "holdfast"], entry);
    return terminal.print(json({ program: program.title, file, ...whole }));
  }
  terminal.print(snippet(program, entry));
  terminal.warn(`\nFor ${program.title}, into ${file}. --write puts it there. ${program.then}`);
}

function chooseWay({ title, entry }: ConfiguredProgram, { stdio, url }: ConnectFlags): Way {
  if (stdio) return "stdio";
  if (entry.http !== undefined) return "http";
  if (url === undefined) return "stdio";
  throw new AppError("start", `${title} takes no address in its file.`, {
    hint: "Leave --url away: it then starts holdfast itself.",
  });
}

const httpWay = (config: Config, { url, name }: ConnectFlags, asks: boolean): Ways["http"] => {
  const key = givenKey() ?? (asks ? KEY_PLACEHOLDER : undefined);
  return {
    url: withName(checkedUrl(url) ?? serverUrl(config), name),
    ...(key !== undefined && { headers: bearer(key) }),
  };
};

/** The key in the environment; an empty one is none. @throws AppError `start` for what no header can hold */
function givenKey(): string | undefined {
  const key = process.env[KEY_VARIABLE]?.trim();
  if (key === undefined || key === "") return undefined;
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new AppError("start", `${KEY_VARIABLE}: expected a key such as ${KEY_PLACEHOLDER}.`, {
    hint: "It has a space or a character that no header may have.",
  });
}

function checkedUrl(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw new AppError("start", "url: expected an address such as https://mcp.example.org/mcp.");
}

/**
 * Use absolute paths of the running program and its data folder: a client starts them in a folder of its own choice.
 */
function stdioWay(config: Config, name: string): Ways["stdio"] {
  const [command, ...script] = ownCommand();
  const folder = folderOf(config);
  const where = folder === undefined ? [] : ["--data-dir", resolve(folder)];
  return {
    command,
    args: [...script, "stdio", ...where, "--name", name],
    // The address has a password, which only the user writes anywhere.
    ...(serverOf(config) && { env: { HOLDFAST_DATABASE_URL: "DATABASE_URL" } }),
  };
}

/** True if a program needs a key: it finds no way to a token by itself. */
async function asksForKey(settings: Settings, config: Config): Promise<boolean> {
  if (hasSignIn(config) || !hasDatabase(settings)) return false;
  return withData(settings, ({ keys }) => keys.any());
}

async function write(
  { title, format, servers, then }: ConfiguredProgram,
  file: string,
  entry: object,
  terminal: Terminal,
): Promise<void> {
  if (JSON.stringify(entry).includes(KEY_PLACEHOLDER))
    throw new AppError("start", "The server asks for a key.", {
      hint: `Make one (${commandLine("keys create --principal NAME")}) and put it into ${KEY_VARIABLE}.`,
    });
  const target = findTarget(file);
  if (target.kind === "folder" || target.kind === "special")
    throw new AppError("conflict", `${file}: this is no file.`, { hint: "Nothing was written." });
  const path = [...servers, "holdfast"];
  try {
    const old = target.kind === "file" ? readFileSync(target.file, "utf8") : "";
    const edit = edited(file, () =>
      format === "json"
        ? putIntoJson(old, path, entry)
        : putIntoToml(old, path as [string, string], entry),
    );
    if (edit.text === old && old !== "")
      return terminal.print(`${file} has it already; nothing was changed.`);
    const backup = `${target.file}.before-holdfast-${timestamp()}`;
    if (target.kind === "file") copyFileSync(target.file, backup);
    mkdirSync(dirname(target.file), { recursive: true, mode: 0o700 });
    await writeWhole(target.file, (partial) => writeFileSync(partial, edit.text));
    terminal.print(
      `${edit.before === undefined ? "Written" : "Replaced"} for ${title}: ${file}. ${then}`,
    );
    if (existsSync(backup)) terminal.print(`As it was: ${backup}`);
  } catch (error) {
    throw error instanceof AppError ? error : atFile(file, error);
  }
}

/** Prefix faults of the edit with the file's name. */
function edited(file: string, edit: () => Edit): Edit {
  try {
    return edit();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError("invalid", `${file}: ${error.message}.`, {
      hint: `Nothing was changed. Mend it, or put in by hand what ${commandLine("connect")} prints without --write.`,
    });
  }
}

function listPrograms({ json: asJson }: ConnectFlags, terminal: Terminal): void {
  const place = thisPlace(process.env);
  const all = [
    ...Object.entries(CONFIGURED).map(([name, { title, file }]) => ({
      ...{ name, title, file: file(place) },
    })),
    ...Object.entries(MANUAL).map(([name, { title }]) => ({ name, title, file: null })),
  ].toSorted((a, b) => a.name.localeCompare(b.name));
  if (asJson) return terminal.print(json(all));
  const columns = [
    { head: "name", text: ({ name }: (typeof all)[0]) => name },
    { head: "program", text: ({ title }: (typeof all)[0]) => title },
    {
      ...{ head: "file", flexible: true },
      text: ({ file }: (typeof all)[0]) => file ?? "(entered by hand)",
    },
  ];
  for (const line of table(all, columns, terminal.output)) terminal.print(line);
  terminal.print("");
  terminal.print(
    `${commandLine("connect NAME")} prints the configuration; --write puts it into the file.`,
  );
}

function unknownProgram(name: string): AppError {
  const names = [...Object.keys(CONFIGURED), ...Object.keys(MANUAL)].toSorted();
  const meant = similarTo(name, names);
  return new AppError("start", `${JSON.stringify(name)} is no program that is known here.`, {
    hint: meant
      ? `Did you mean ${meant}?`
      : `Known are ${eitherOf(names).replace(/ or ([^ ]+)$/, " and $1")}.`,
  });
}
