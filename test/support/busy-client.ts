// A client at work: it writes messages one after the other, each with a request key, and repeats a call whose connection broke,
// as programs do. What it was told is compared with what is stored.
import { expect } from "vitest";
import { type ClientVersion, connect, type TestClient } from "./clients.ts";

const TIMEOUT_MS = 120_000;
/** The SDK's code for a call that did not end in time. */
const TIMED_OUT = /timed out/i;

export interface BusyClient {
  /** Numbers of the messages that were acknowledged, by their texts. */
  readonly acknowledged: ReadonlyMap<string, number>;
  /** Resolves when so many more messages are acknowledged. */
  goOn(messages: number): Promise<void>;
  /** Ends the work; rejects if a call has not ended by itself. */
  stop(): Promise<void>;
}

export async function busyClient(version: ClientVersion, url: string): Promise<BusyClient> {
  const client = await connect(version, { url });
  const { id } = client;
  const acknowledged = new Map<string, number>();
  let [wanted, reached, isStopping] = [Infinity, () => undefined as void, false];
  const work = async (): Promise<void> => {
    for (let n = 1; !isStopping; n += 1) {
      const content = `${version} ${n}`;
      acknowledged.set(content, await append(client, content));
      if (acknowledged.size >= wanted) reached();
    }
    expect(client.id, "the session id").toBe(id);
  };
  const working = work();
  working.catch(() => undefined); // `stop` has it
  return {
    acknowledged,
    goOn(messages) {
      const { promise, resolve } = Promise.withResolvers<void>();
      [wanted, reached] = [acknowledged.size + messages, resolve];
      return Promise.race([promise, working]);
    },
    async stop() {
      isStopping = true;
      await working;
    },
  };
}

/** Resolves to the number of the message. */
async function append(client: TestClient, content: string): Promise<number> {
  const message = { role: "user", content, request_key: content };
  for (;;) {
    try {
      const said = await client.call("history_append", message, { timeout: TIMEOUT_MS });
      if (!said.isError) return said.data["seq"] as number;
      expect(said.text).toMatch(/again/);
    } catch (error) {
      // A broken connection, or an answer that says to try again. A call without an end is neither.
      expect(String(error)).not.toMatch(TIMED_OUT);
    }
  }
}

/** All that the clients were told is stored where they were told, once, and nothing else is. */
export async function expectAllStored(
  url: string,
  clients: readonly Pick<BusyClient, "acknowledged">[],
): Promise<void> {
  const reader = await connect("v1", { url });
  const stored = new Map<string, number>();
  let before: number | undefined;
  let count = 0;
  do {
    const { data } = await reader.call("history_get", { limit: 100, ...(before && { before }) });
    for (const { seq, content } of data["messages"] as { seq: number; content: string }[])
      stored.set(content, seq);
    count += (data["messages"] as unknown[]).length;
    before = data["next_before"] as number | undefined;
  } while (before !== undefined);
  const told = clients.flatMap(({ acknowledged }) => [...acknowledged]);
  expect(new Map([...stored].toSorted())).toEqual(new Map(told.toSorted()));
  expect([...stored.values()].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: count }, (_, i) => i + 1),
  );
}
