// A thousand open streams before a kill are a thousand live streams after it.
import { expect, it, onTestFinished } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { startServer } from "../support/process.ts";
import { eventsOf, introduce, type Json, type RawClient } from "../support/raw.ts";

const STREAMS = 1_000;
const AT_ONCE = 50;

/** A GET stream that is read as it comes. */
class Listener {
  readonly client: RawClient;
  lastEventId: string | undefined;
  #text = "";
  #heard = Promise.withResolvers<void>();

  constructor(client: RawClient) {
    this.client = client;
  }

  /** Connects, anew or from where it stood, and resolves with the first event. */
  async connect(): Promise<void> {
    const resume =
      this.lastEventId === undefined ? undefined : { "last-event-id": this.lastEventId };
    const headers = { ...this.client.headers, accept: "text/event-stream", ...resume };
    const response = await fetch(this.client.url, { headers, signal: leaving.signal });
    expect(response.status).toBe(200);
    void this.#read(response.body!.pipeThrough(new TextDecoderStream())).catch(() => undefined);
    await this.heard(() => this.lastEventId !== undefined);
  }

  get messages(): Json[] {
    return eventsOf(this.#text);
  }

  async heard(what: () => boolean): Promise<void> {
    while (!what()) await this.#heard.promise;
  }

  async #read(chunks: ReadableStream<string>): Promise<void> {
    for await (const chunk of chunks) {
      this.#text += chunk;
      this.lastEventId = [...this.#text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? this.lastEventId;
      this.#heard.resolve();
      this.#heard = Promise.withResolvers<void>();
    }
  }
}

let leaving: AbortController;

async function inGroups<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < items.length; i += AT_ONCE)
    await Promise.all(items.slice(i, i + AT_ONCE).map(act));
}

it(`${STREAMS} streams are all live again after a SIGKILL`, async () => {
  leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const folder = temporaryFolder();
  const args = ["--durability", "normal"];
  const first = await startServer({ folder, args });
  const writer = await introduce(first.url);
  await writer.call("state_set", { key: "news", value: 0 });
  const uri = `holdfast://sessions/${await writer.session()}/state/news`;

  const listeners: Listener[] = [];
  await inGroups(Array.from({ length: STREAMS }), async () => {
    const client = await introduce(first.url);
    await client.ask("resources/subscribe", { uri });
    const listener = new Listener(client);
    await listener.connect();
    listeners.push(listener);
  });
  await writer.call("state_set", { key: "news", value: 1 });
  await Promise.all(
    listeners.map((listener) => listener.heard(() => listener.messages.length === 1)),
  );

  await first.kill();
  await startServer({ folder, args, port: first.port });
  await inGroups(listeners, (listener) => listener.connect());
  await writer.call("state_set", { key: "news", value: 2 });
  await Promise.all(
    listeners.map((listener) => listener.heard(() => listener.messages.length === 2)),
  );
  for (const { messages } of listeners) {
    expect(messages).toMatchObject([{ params: { uri } }, { params: { uri } }]);
  }
});
