// Converts settings to flags of commands and back. Commands that serve have all settings, in groups; others have few.
import { type Command, Option } from "commander";
import {
  type Setting,
  settingGroups,
  type SettingName,
  type Settings,
  settings,
} from "../config/config.ts";
import { commandLine } from "../lib/text/command-line.ts";

/** Settings of every command that opens the database. */
const DATA: readonly SettingName[] = ["data-dir", "database-url", "log-level"];

/** Settings without a meaning for a client on standard input and output. */
export const HTTP_ONLY: readonly SettingName[] = [
  ...(["host", "port", "public-url", "allowed-hosts", "cors-origins"] as const),
  ...(["insecure-no-auth", "auth-server", "auth-issuer", "auth-audience", "max-body"] as const),
  ...(["max-calls-per-minute", "max-concurrent-calls", "max-connections", "max-streams"] as const),
  ...(["live-clients", "console", "auth-plain-jwt"] as const),
];

const ALL_HELP = `
Every setting is an environment variable too: --max-age is HOLDFAST_MAX_AGE. A flag beats its variable.
--model-url is also OPENAI_BASE_URL; --model-key is also OPENAI_API_KEY or ANTHROPIC_API_KEY.`;

const fewHelp = (): string => `
A setting is an environment variable too: --data-dir is HOLDFAST_DATA_DIR.
"${commandLine("serve --help")}" lists all settings.`;

/** Add a flag for every setting except `except`. */
export function withAllSettings(command: Command, except: readonly SettingName[] = []): Command {
  for (const [title, group] of Object.entries(settingGroups))
    for (const name of Object.keys(group) as SettingName[])
      if (!except.includes(name)) command.addOption(flagOf(name).helpGroup(`${title}:`));
  return command.addHelpText("after", ALL_HELP);
}

/** Add a flag for each setting that the command uses. */
export function withSettings(command: Command, names: readonly SettingName[]): Command {
  for (const name of names) command.addOption(flagOf(name).helpGroup("Settings:"));
  return command.addHelpText("after", fewHelp);
}

/** Add the flags of the data, and those of `more`. */
export const withDataSettings = (command: Command, ...more: readonly SettingName[]): Command =>
  withSettings(command, [...DATA, ...more]);

function flagOf(name: SettingName): Option {
  const { kind, help, default: value, without }: Setting<unknown> = settings[name];
  const placeholder = kind.isSwitch ? `[${kind.placeholder}]` : `<${kind.placeholder}>`;
  const otherwise = value ?? without;
  const text = otherwise === undefined ? help : `${help} (default: ${otherwise})`;
  const option = new Option(`--${name} ${placeholder}`, text);
  // Set the words for completion only: a wrong one is reported with all other faults of the settings.
  if (kind.words !== undefined) option.argChoices = [...kind.words];
  return option;
}

/** Convert commander's camel-case flags to settings. */
export function settingsOf(flags: object): Settings {
  const given: Settings = {};
  for (const [flag, value] of Object.entries(flags)) {
    const name = flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (name in settings) given[name as SettingName] = value as string;
  }
  return given;
}
