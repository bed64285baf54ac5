// Clients with a model and a person of their own behind them, in every version and era that asks differently.
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
} from "@modelcontextprotocol/client";
import { StdioClientTransport as StdioV2 } from "@modelcontextprotocol/client/stdio";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as StdioV1 } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { onTestFinished } from "vitest";
import { cleanEnv, PROGRAM } from "./process.ts";
import type { Json } from "./raw.ts";

/** 2025 clients are asked by requests of the server, 2026 clients by `input_required` results. */
export const KINDS = ["v1", "v2 legacy", "v2 auto"] as const;
export type Kind = (typeof KINDS)[number];

export interface OwnModel {
  /** Requests to the client's model, in order. */
  readonly sampled: Json[];
  /** Questions to the person. */
  readonly elicited: Json[];
  call(name: string, args?: object): Promise<Json>;
  prompt(name: string, args: Record<string, string>): Promise<Json>;
}

const INFO = { name: "own-model", version: "1" };

export const answerOf = (text: string, model = "own-1"): Json => ({
  role: "assistant",
  model,
  content: { type: "text", text },
});

/** The command that starts `holdfast stdio` with these arguments. */
const stdio = (given: readonly string[]) => {
  const [command, ...args] = [...PROGRAM, "stdio", ...given];
  return { command: command!, args, env: cleanEnv() };
};

/**
 * `target`: a URL, or the arguments of `holdfast stdio`. `answer`: the model's, to a `sampling/createMessage`; null
 * for a client without a model. The person says `content`.
 */
export async function ownModel(
  kind: Kind,
  target: string | readonly string[],
  {
    answer = () => answerOf("hello"),
    content = { city: "Ostend" },
  }: { answer?: ((params: Json) => Json) | null; content?: Json } = {},
): Promise<OwnModel> {
  const sampled: Json[] = [];
  const elicited: Json[] = [];
  const capabilities = { elicitation: { form: {} }, ...(answer && { sampling: {} }) };
  const sample = ({ params }: { params: object }): never => {
    sampled.push(params);
    return answer!(params) as never;
  };
  const elicit = ({ params }: { params: object }): never => {
    elicited.push(params);
    return { action: "accept", content } as never;
  };
  let client: ClientV1 | ClientV2;
  if (kind === "v1") {
    client = new ClientV1(INFO, { capabilities });
    if (answer) client.setRequestHandler(CreateMessageRequestSchema, sample);
    client.setRequestHandler(ElicitRequestSchema, elicit);
    const transport =
      typeof target === "string" ? new HttpV1(new URL(target)) : new StdioV1(stdio(target));
    await client.connect(transport);
  } else {
    const mode = kind === "v2 auto" ? ("auto" as const) : ("legacy" as const);
    client = new ClientV2(INFO, { capabilities, versionNegotiation: { mode } });
    if (answer) client.setRequestHandler("sampling/createMessage", sample);
    client.setRequestHandler("elicitation/create", elicit);
    const transport =
      typeof target === "string" ? new HttpV2(new URL(target)) : new StdioV2(stdio(target));
    await client.connect(transport);
  }
  onTestFinished(() => client.close());
  return {
    sampled,
    elicited,
    call: (name, args = {}) => (client as ClientV2).callTool({ name, arguments: { ...args } }),
    prompt: (name, args) => (client as ClientV2).getPrompt({ name, arguments: args }),
  };
}
