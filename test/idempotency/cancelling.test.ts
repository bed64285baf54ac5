// A call with a request key that its 2025-era caller cancels, and then makes anew.
import { expect, it } from "vitest";
import { serveHere } from "../support/here.ts";
import { keyed, Worker } from "../support/keyed.ts";
import { isSilent, startModel } from "../support/model-server.ts";
import { calling, introduce, type RawClient, read, rpc } from "../support/raw.ts";
import { rows, transcript } from "../support/rows.ts";

const cancel = (client: RawClient, requestId: number): Promise<Response> =>
  client.post({
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: { requestId, reason: "No longer needed." },
  });

it("ends at once, and can be called anew when nothing of it is left", async () => {
  const worker = new Worker();
  const { url, folder } = await serveHere({ tools: [worker.tool("work")] });
  const client = await introduce(url);
  const request = (id: number) =>
    rpc("tools/call", { name: "work", arguments: { task: "keyed" }, _meta: keyed("k-1") }, id);
  await client.post(request(7)); // resolves with the headers of its stream
  await worker.begun(1);
  await cancel(client, 7);
  await worker.gaveUp("keyed");
  await expect.poll(() => rows(folder, "SELECT id FROM keyed_calls")).toEqual([]);
  worker.letGo();
  const answer = await (await client.post(request(8))).text();
  expect(answer).toContain('"run":2');
});

it("can be called anew at once: the cancelled chat is never joined", async () => {
  const model = await startModel();
  const config = { "model-url": model.url, model: "scripted-1" };
  const { url, folder } = await serveHere({ config });
  const said: string[] = [];
  for (let round = 0; round < 10; round++) {
    const prompt = `Round ${round}`;
    const client = await introduce(`${url}?name=s`);
    const request = (id: number) =>
      rpc("tools/call", { name: "chat", arguments: { prompt, request_key: prompt } }, id);
    model.next(isSilent);
    await client.post(request(7));
    await model.called(2 * round + 1);
    const [, again] = await Promise.all([cancel(client, 7), client.post(request(8))]);
    const answer = calling(await read(again));
    expect(answer).toMatchObject({ isError: false, says: `Answer to: ${prompt}` });
    said.push(`${2 * round + 1} user complete ${prompt}`);
    said.push(`${2 * round + 2} assistant complete Answer to: ${prompt}`);
  }
  expect(transcript(folder)).toEqual(said);
});
