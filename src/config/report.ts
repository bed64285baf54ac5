// The report on settings: the source of each value, and variables that look like settings but are none. Values are
// shown as they were written, secrets never.
import { unknownAmong } from "../lib/text/similar.ts";
import {
  type Config,
  type ConfigSources,
  envName,
  givenText,
  type SettingName,
  settings,
} from "./config.ts";
import { mayHoldPassword } from "./database-url.ts";

/**
 * Variable for the key that `holdfast connect` writes into a configuration: all users of the machine could read a flag.
 */
export const KEY_VARIABLE = "HOLDFAST_API_KEY";

export interface SettingReport {
  name: string;
  /** The user's text; null without a value. */
  value: string | null;
  /** A flag, a variable, or `the default`. */
  from: string;
}

export function reportSettings(sources: ConfigSources): SettingReport[] {
  return (Object.keys(settings) as SettingName[]).map((name) => {
    const setting: { default?: string; secret?: boolean; help: string } = settings[name];
    const given = givenText(name, sources);
    const text = given?.text ?? setting.default ?? null;
    const hidden = given !== undefined && (setting.secret || mayHoldPassword(given.text));
    return { name, value: hidden ? "(hidden)" : text, from: given?.from ?? "the default" };
  });
}

/** Likely mistakes, one sentence each. */
export function settingWarnings(
  config: Pick<Config, "model" | "model-url" | "model-key" | "embedding-model" | "embedding-url">,
  env: ConfigSources["env"] = {},
): string[] {
  return [...unknownVariables(env), ...halfAModel(config), ...halfAnEmbedding(config)];
}

function unknownVariables(env: NonNullable<ConfigSources["env"]>): string[] {
  const known = [...Object.keys(settings).map(envName), KEY_VARIABLE];
  const ours = Object.keys(env).filter((name) => name.startsWith("HOLDFAST_"));
  return unknownAmong(ours, known).map(
    ({ name, meant }) => `${name} is no setting.${meant ? ` Did you mean ${meant}?` : ""}`,
  );
}

function halfAModel(config: Pick<Config, "model" | "model-url" | "model-key">): string[] {
  const { model, "model-url": url, "model-key": key } = config;
  if (model === undefined || url !== undefined || key !== undefined) return [];
  return [
    `The model ${JSON.stringify(model)} is not used: it has neither an address (--model-url) nor a key (HOLDFAST_MODEL_KEY).`,
  ];
}

function halfAnEmbedding(
  config: Pick<Config, "embedding-model" | "embedding-url" | "model-url">,
): string[] {
  const { "embedding-model": model, "embedding-url": own, "model-url": shared } = config;
  if (model === undefined)
    return own === undefined ? [] : ["embedding-url is not used: there is no embedding-model."];
  if (own !== undefined || shared !== undefined) return [];
  return [
    `The embedding model ${JSON.stringify(model)} is not used: it has no address (--embedding-url or --model-url).`,
  ];
}
