// The model endpoint that the settings name.
import type { Config } from "../config/config.ts";
import { EndpointModel } from "./endpoint.ts";
import { anthropic, ANTHROPIC_URL, OPENAI_URL, openAiCompatible } from "./providers.ts";

/** The configured endpoint, or the provider's own if a model and a key are configured. */
export function configuredModel(config: Config): EndpointModel | undefined {
  const { model, models, "model-key": key } = config;
  const isAnthropic = config["model-provider"] === "anthropic";
  const own = isAnthropic ? ANTHROPIC_URL : OPENAI_URL;
  const url = config["model-url"] ?? (key === undefined ? undefined : own);
  if (model === undefined || url === undefined) return undefined;
  const timeoutMs = config["model-timeout"];
  return new EndpointModel(
    { url, model, models, key, timeoutMs },
    isAnthropic ? anthropic : openAiCompatible,
  );
}
