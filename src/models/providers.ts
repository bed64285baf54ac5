// Any endpoint that speaks OpenAI's chat completions: OpenAI, Ollama, LM Studio, vLLM, OpenRouter …
import type { Provider } from "./endpoint.ts";

export const OPENAI_URL = "https://api.openai.com/v1";

export const openAiCompatible: Provider = {
  systemAnywhere: true,
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
