// The event log and resume, on real storage: whatever is sent, dropped, resumed, killed or pruned in between, each
// message is delivered exactly once and in order, or its loss is an explicit error.
import fc from "fast-check";
import { expect, it } from "vitest";
import { DurableStream } from "../../src/events/durable-stream.ts";
import { parseEventId } from "../../src/events/event-id.ts";
import { SseStream } from "../../src/events/sse-stream.ts";
import { newId } from "../../src/lib/ids.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { runs } from "../support/runs.ts";

const MAX_EVENTS = 20;

/** A reader of one SSE response: what it got, and the last event id it saw. */
class Reader {
  readonly sse = new SseStream();
  readonly messages: number[] = [];
  lastSeq: number;
  readonly #done: Promise<void>;

  constructor(lastSeq: number) {
    this.lastSeq = lastSeq;
    this.#done = this.#read();
  }

  /** Ends the connection and resolves when all that was written has been read. */
  async drop(): Promise<void> {
    this.sse.close();
    await this.#done;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of this.sse.body) {
      text += decoder.decode(chunk, { stream: true });
      const frames = text.split("\n\n");
      text = frames.pop()!;
      for (const frame of frames) this.#frame(frame);
    }
  }

  #frame(frame: string): void {
    const id = /^id: (.*)$/m.exec(frame)?.[1];
    const data = /^data: (.+)$/m.exec(frame)?.[1];
    if (id !== undefined) {
      const { seq } = parseEventId(id)!;
      expect(seq).toBeGreaterThanOrEqual(this.lastSeq);
      this.lastSeq = seq;
    }
    if (data !== undefined) this.messages.push(Number(data));
  }
}

async function open(folder: string): Promise<Storage> {
  const expiry = { maxAgeMs: Infinity };
  return openStorage({ folder, durability: "normal", clock: new ManualClock(), expiry });
}

async function someClient(storage: Storage): Promise<string> {
  const id = newId();
  await storage.clients.create({
    ...{
      id,
      owner: "ana",
      credentials: "none",
      scope: null,
      ownSessionId: newId(),
      sessionId: null,
      name: "n",
      version: "1",
      protocolVersion: "2025-11-25",
    },
    ...{ capabilities: {}, initialize: {}, logLevel: null, endedAt: null },
    ...{ createdAt: 0, lastSeenAt: 0, presentUntil: 0 },
  });
  return id;
}

type Step = "send" | "burst" | "drop" | "resume" | "take over" | "kill";

const steps = fc.array(
  fc.constantFrom<Step>("send", "send", "send", "burst", "drop", "resume", "take over", "kill"),
  { minLength: 1, maxLength: 40 },
);

it("delivers each message exactly once and in order, over random drops, take-overs, kills and prunes", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (program) => {
      const folder = temporaryFolder();
      let storage = await open(folder);
      const clientId = await someClient(storage);
      const { id } = await storage.streams.openStandalone(clientId);
      const load = async () =>
        new DurableStream(storage.streams, (await storage.streams.find(clientId, id))!);
      let stream = await load();
      let reader: Reader | undefined;
      let lastSeq = 0;
      let sent = 0;
      const received: number[] = [];

      const send = async (): Promise<void> => {
        const data = String(++sent);
        stream.stored(await storage.streams.append(id, data, MAX_EVENTS), data);
      };
      const drop = async (): Promise<void> => {
        if (reader === undefined) return;
        await new Promise(setImmediate); // lets a pump that is under way finish its turn
        await reader.drop();
        received.push(...reader.messages);
        lastSeq = reader.lastSeq;
        reader = undefined;
      };
      /** As a client does it: an explicit error for what was pruned, else replay and live again. */
      const resume = async (): Promise<void> => {
        const record = (await storage.streams.find(clientId, id))!;
        if (lastSeq < record.prunedSeq) {
          expect(sent - lastSeq).toBeGreaterThan(MAX_EVENTS); // only what is beyond the bound may be gone
          for (let lost = lastSeq + 1; lost <= record.prunedSeq; lost++) received.push(lost);
          lastSeq = record.prunedSeq;
        }
        reader = new Reader(lastSeq);
        void stream.attach(reader.sse, lastSeq, true);
      };

      for (const step of program) {
        if (step === "send") await send();
        else if (step === "burst") await Promise.all(Array.from({ length: 7 }, send));
        else if (step === "drop") await drop();
        else if (step === "resume" && reader === undefined) await resume();
        else if (step === "take over" && reader !== undefined) {
          const half = reader; // a newer connection ends it; what it had got counts
          const next = new Reader(half.lastSeq);
          await half.drop();
          received.push(...half.messages);
          next.lastSeq = half.lastSeq;
          void stream.attach(next.sse, half.lastSeq, true);
          reader = next;
        } else if (step === "kill") {
          await drop();
          await storage.close();
          storage = await open(folder);
          stream = await load();
        }
      }
      await drop();
      await resume();
      while (lastSeq < sent) await drop().then(resume);
      await drop();
      expect(received).toEqual(Array.from({ length: sent }, (_, n) => n + 1));
      await storage.close();
    }),
    { numRuns: runs(60) },
  );
});

it("waits for a reader that is slow, and brings it everything in order", async () => {
  const storage = await open(temporaryFolder());
  const clientId = await someClient(storage);
  const record = await storage.streams.openStandalone(clientId);
  const stream = new DurableStream(storage.streams, record);
  const lazy = new SseStream();
  void stream.attach(lazy, 0, false);
  const big = JSON.stringify("x".repeat(1_000_000));
  for (let n = 0; n < 8; n++) stream.stored(await storage.streams.append(record.id, big, 100), big);
  stream.finish();
  await new Promise(setImmediate);
  expect(lazy.open).toBe(true);
  const text = await new Response(lazy.body).text();
  const seqs = [...text.matchAll(/^id: \d+\.(\d+)$/gm)].map(([, seq]) => Number(seq));
  expect(seqs).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  await storage.close();
});

it("cuts a reader that is slow on a stream that cannot be resumed", async () => {
  const passing = new SseStream();
  for (let n = 0; n < 3; n++) passing.send(undefined, JSON.stringify("x".repeat(1_000_000)));
  expect(passing.open).toBe(false);
  await expect(new Response(passing.body).text()).rejects.toThrow("too slow");
});
