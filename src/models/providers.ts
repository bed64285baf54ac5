// The wire formats that model endpoints speak.
import type { Provider } from "./endpoint.ts";
import { anthropicWire, openAiWire } from "./wire/events.ts";
import { openAiRepairs } from "./wire/repairs.ts";

export const OPENAI_URL = "https://api.openai.com/v1";

/** OpenAI's chat completions: OpenAI, Ollama, LM Studio, vLLM, OpenRouter … */
export const openAiCompatible: Provider = {
  systemAnywhere: true,
  wire: openAiWire,
  repairs: openAiRepairs,
  keyHeaders: (key) => ({ authorization: `Bearer ${key}` }),
  async load({ url, key, headers, fetch }) {
    const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
    return createOpenAICompatible({
      name: "model",
      baseURL: url,
      includeUsage: true,
      headers,
      fetch,
      ...(key !== undefined && { apiKey: key }),
    });
  },
};

export const ANTHROPIC_URL = "https://api.anthropic.com/v1";

/** Anthropic's messages: Anthropic itself and compatible endpoints. */
export const anthropic: Provider = {
  wantsMaxTokens: true,
  wire: anthropicWire,
  repairs: [],
  keyHeaders: (key) => ({ "x-api-key": key, "anthropic-version": "2023-06-01" }),
  async load({ url, key = "", headers, fetch }) {
    const { createAnthropic } = await import("@ai-sdk/anthropic");
    return createAnthropic({ baseURL: url, apiKey: key, headers, fetch }); // "": the SDK looks for no key
  },
};
