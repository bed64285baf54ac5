// `subscriptions/listen` of 2026-07-28 as it looks on the wire, with no SDK in between.
import { expect, onTestFinished } from "vitest";
import { type ModernOptions, modernRequest, postModern } from "./modern.ts";
import { eventsOf, type Json } from "./raw.ts";

const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";
/** For `expect.poll`: other processes may be slow. */
export const WAIT = { timeout: 60_000 };

export interface Listening {
  /** The next message on the stream; undefined at its end. */
  next(): Promise<Json | undefined>;
  /** Breaks the connection. */
  leave(): void;
}

/** Opens a stream with no SDK in between; it is closed at the test's end. */
export async function listen(
  url: string,
  notifications: unknown,
  {
    id = "news",
    capabilities = {},
    headers = {},
  }: Pick<ModernOptions, "id" | "capabilities" | "headers"> = {},
): Promise<Listening> {
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const request = modernRequest("subscriptions/listen", { notifications }, { id, capabilities });
  const response = await postModern(url, request, { signal: leaving.signal, headers });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let taken = 0;
  return {
    async next() {
      while (eventsOf(text).length === taken) {
        const { value, done } = await reader.read();
        if (done) return undefined;
        text += value;
      }
      return eventsOf(text)[taken++];
    },
    leave: () => leaving.abort(),
  };
}

export const updated = (uri: string, id: string | number = "news"): Json => ({
  jsonrpc: "2.0",
  method: "notifications/resources/updated",
  params: { uri, _meta: { [SUBSCRIPTION_ID]: id } },
});

export const acknowledged = (notifications: object, id: string | number = "news"): Json => ({
  jsonrpc: "2.0",
  method: "notifications/subscriptions/acknowledged",
  params: { notifications, _meta: { [SUBSCRIPTION_ID]: id } },
});

export const completed = (id: string | number = "news"): Json => ({
  id,
  result: { resultType: "complete", _meta: { [SUBSCRIPTION_ID]: id } },
});

const SESSION = "0dab2f3c-0000-4000-8000-000000000000";
export const uriOf = (key: string, session = SESSION): string =>
  `holdfast://sessions/${session}/state/${key}`;
