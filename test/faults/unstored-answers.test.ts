// A call's answer that the disk does not take: it is stored as soon as the disk does, and whoever waits gets it in any case.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { expect, it, onTestFinished } from "vitest";
import { DurableStream } from "../../src/events/durable-stream.ts";
import { SseStream } from "../../src/events/sse-stream.ts";
import type { StreamStore } from "../../src/events/store.ts";
import { AppError } from "../../src/lib/errors.ts";
import { StreamResponse } from "../../src/mcp/calls/pending-response.ts";
import { openStorage } from "../../src/storage/open.ts";
import { newClient, newInstance, newRequest } from "../contract/engine.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ManualClock } from "../support/manual-clock.ts";

const ANSWER = { jsonrpc: "2.0", id: 1, result: { content: [] } } as JSONRPCMessage;

/** One running call on a disk that refuses its answer so many times. */
async function running(refusals: number, refusedBatches = 0) {
  const clock = new ManualClock();
  const storage = await openStorage({
    ...{ folder: temporaryFolder(), durability: "normal", clock, expiry: { maxAgeMs: Infinity } },
  });
  onTestFinished(() => storage.close());
  const opened = { storage, clock, folder: "" };
  const { id: clientId } = await newClient(opened);
  const instanceId = await newInstance(opened);
  const store: StreamStore = {
    ...storage.streams,
    append: (...event) => {
      if (refusedBatches === 0) return storage.streams.append(...event);
      refusedBatches -= 1;
      return Promise.reject(new AppError("limit", "There is no room."));
    },
    answer: (...answer) => {
      if (refusals === 0) return storage.streams.answer(...answer);
      refusals -= 1;
      return Promise.reject(new AppError("storage_full", "The disk is full: nothing was stored."));
    },
  };
  const record = await store.openRequests(clientId, instanceId, [newRequest(1)], "a hash");
  const stream = new DurableStream(store, record);
  const response = new StreamResponse({
    ...{
      clientId,
      ids: [1],
      stream,
      store,
      maxEvents: 9,
      instanceId,
      onTakenOver: () => undefined,
    },
  });
  const sse = new SseStream();
  void stream.attach(sse, 0, true);
  return {
    response,
    stored: () => storage.streams.events(record.id, 0),
    said: new Response(sse.body).text(),
  };
}

it("is stored when the disk takes it again, and then sent", async () => {
  const { response, stored, said } = await running(2);
  await response.respond(1, ANSWER);
  await response.done;
  expect(await stored()).toMatchObject([{ seq: 1, data: JSON.stringify(ANSWER) }]);
  expect(await said).toMatch(/^id: .*\ndata: .*"result"/m);
});

it("ends the connection of whoever waits, with the answer, when the disk never does", async () => {
  const { response, stored, said } = await running(Infinity);
  await expect(response.respond(1, ANSWER)).rejects.toMatchObject({ code: "storage_full" });
  await response.done;
  expect(await stored()).toEqual([]);
  const frames = (await said).split("\n\n").filter((frame) => frame.includes('"result"'));
  expect(frames).toHaveLength(1);
  expect(frames[0]).not.toContain("id: ");
});

it("goes behind the progress that was reported before, also behind some that was not stored", async () => {
  const { response, stored, said } = await running(0, 1);
  const progress = (n: number) =>
    ({
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: { progressToken: 1, progress: n },
    }) as JSONRPCMessage;
  await response.notify(progress(1));
  await new Promise(setImmediate); // its failure is known
  for (const n of [2, 3, 4]) await response.notify(progress(n));
  void response.notify(progress(5));
  await response.respond(1, ANSWER);
  await response.done;
  const expected = [...[2, 3, 4, 5].map(progress), ANSWER].map((message) =>
    JSON.stringify(message),
  );
  expect((await stored()).map(({ data }) => data)).toEqual(expected);
  expect([...(await said).matchAll(/^data: (.+)$/gm)].map(([, data]) => data)).toEqual(expected);
});
