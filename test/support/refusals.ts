// A client that has something to lose, and how a refusal must look.
import { expect } from "vitest";
import { type Answer, introduce, type RawClient } from "./raw.ts";

/** A client with one state key and one message. */
export async function clientWithData(url: string, version = "2025-11-25"): Promise<RawClient> {
  const client = await introduce(url, { version });
  await client.call("state_set", { key: "kept", value: { n: 1 } });
  await client.call("history_append", { role: "user", content: "kept too" });
  return client;
}

/** Nothing was lost, nothing came in, and the client goes on. */
export async function expectIntact(client: RawClient): Promise<void> {
  const { data } = await client.call("state_list");
  expect(data["entries"]).toMatchObject([{ key: "kept", value: { n: 1 }, version: 1 }]);
  const history = await client.call("history_get");
  expect(history.data["messages"]).toMatchObject([{ seq: 1, content: "kept too" }]);
}

/** A JSON-RPC error that belongs to no request. */
export function expectRefused(
  answer: Answer,
  status: number,
  code: number,
  message: RegExp,
  id: unknown = null,
): void {
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toBe("application/json");
  expect(answer.messages).toEqual([
    { jsonrpc: "2.0", id, error: { code, message: expect.stringMatching(message) } },
  ]);
}
