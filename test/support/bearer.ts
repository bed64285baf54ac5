// Callers with credentials: raw requests of both eras, and the SDK's clients, with an Authorization header.
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
} from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { onTestFinished } from "vitest";
import { command } from "./command.ts";
import { callModern } from "./modern.ts";
import type { Answer, CallAnswer, Json, RawClient } from "./raw.ts";
import { INFO, initialize, introduce, post, read } from "./raw.ts";

/** No header without a token. */
export const bearer = (token: string | undefined): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

/** The output of `keys create --json`. */
export async function createKey(folder: string, ...flags: string[]): Promise<Json> {
  const args = ["keys", "create", "--data-dir", folder, "--json", ...flags];
  const { code, stdout, stderr } = await command(args);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Json;
}

/** One `initialize`, whatever becomes of it. */
export const knock = async (url: string, token?: string): Promise<Answer> =>
  read(await post(url, initialize(), bearer(token)));

export const introduceAs = (url: string, token: string): Promise<RawClient> =>
  introduce(url, { headers: bearer(token) });

/** One call of 2026-07-28, which knows no introduction. */
export const callAs = (
  url: string,
  token: string,
  name: string,
  args?: object,
): Promise<CallAnswer> => callModern(url, name, args, { headers: bearer(token) });

/** `initialize` and the first page of tools by an SDK client. */
export async function toolsOf(
  version: "v1" | "v2",
  url: string,
  options: object,
): Promise<string[]> {
  const client = version === "v1" ? new ClientV1(INFO) : new ClientV2(INFO);
  const transport =
    version === "v1" ? new HttpV1(new URL(url), options) : new HttpV2(new URL(url), options);
  onTestFinished(() => client.close());
  await (client as ClientV2).connect(transport);
  return (await (client as ClientV2).listTools()).tools.map(({ name }) => name);
}
