// Endpoints that speak Anthropic's messages: Anthropic itself and what stands in for it.
import type { Provider } from "./endpoint.ts";

export const ANTHROPIC_URL = "https://api.anthropic.com/v1";

export const anthropic: Provider = {
  wantsMaxTokens: true,
  keyHeaders: (key) => ({ "x-api-key": key, "anthropic-version": "2023-06-01" }),
  async load({ url, key = "", headers, fetch }) {
    const { createAnthropic } = await import("@ai-sdk/anthropic");
    return createAnthropic({ baseURL: url, apiKey: key, headers, fetch }); // without a key it would look for one by itself
  },
};
