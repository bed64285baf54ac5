// A POST that is sent again: it is the same call when nobody has had the answer to the first, and a new one otherwise.
import { request as httpRequest } from "node:http";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate, serveHere } from "../support/here.ts";
import { INTERRUPTED } from "../support/interrupted.ts";
import { FIXTURE, startServer } from "../support/process.ts";
import {
  BOTH,
  calling,
  introduce,
  type Json,
  post,
  type RawClient,
  read,
  rpc,
} from "../support/raw.ts";
import { rows } from "../support/rows.ts";

/** A tool that counts its runs, each of which ends when the test lets it. */
function counted() {
  const runs: { begun: Promise<void>; begin: () => void; end: () => void; ended: Promise<void> }[] =
    [];
  const run = (n: number) => {
    while (runs.length <= n) {
      const [begun, ended] = [gate(), gate()];
      runs.push({ begun: begun.wait, begin: begun.open, end: ended.open, ended: ended.wait });
    }
    return runs[n]!;
  };
  let count = 0;
  const tool = defineTool({
    name: "once",
    description: "Not safe to run again.",
    input: z.object({ text: z.string() }),
    session: "optional",
    async handler({ input }) {
      const { begin, ended } = run(count++);
      begin();
      await ended;
      return `${input.text}, run ${count}`;
    },
  });
  return { tool, run, count: () => count };
}

const ONCE = (text: string, id: string | number = 1): Json =>
  rpc("tools/call", { name: "once", arguments: { text } }, id);

/** Posts, and breaks the connection when `until` resolves. */
async function postAndBreak(client: RawClient, body: Json, until: Promise<void>): Promise<void> {
  const headers = { "content-type": "application/json", accept: BOTH, ...client.headers };
  const posting = httpRequest(client.url, { method: "POST", headers, agent: false });
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  posting.on("error", () => undefined).on("close", resolve);
  posting.end(JSON.stringify(body));
  await until;
  posting.destroy();
  await closed;
}

const says = async (response: Response): Promise<string> => calling(await read(response)).says;

describe("a request whose connection broke before its answer was written", () => {
  it("is joined by the one that is sent again, while it runs", async () => {
    const { tool, run, count } = counted();
    const client = await introduce((await serveHere({ tools: [tool] })).url);
    await postAndBreak(client, ONCE("a"), run(0).begun);
    const again = client.post(ONCE("a"));
    run(0).end();
    expect(await says(await again)).toBe("a, run 1");
    expect(count()).toBe(1);
  });

  it("gives the one that is sent again its outcome, once it has ended, and only once", async () => {
    const { tool, run, count } = counted();
    const { url, folder } = await serveHere({ tools: [tool] });
    const client = await introduce(url);
    await postAndBreak(client, ONCE("a"), run(0).begun);
    run(0).end();
    await expect.poll(() => rows(folder, "SELECT * FROM open_requests").length).toBe(0);
    expect(await says(await client.post(ONCE("a")))).toBe("a, run 1");
    run(1).end();
    expect(await says(await client.post(ONCE("a")))).toBe("a, run 2"); // that was written: this is a new one
    expect(count()).toBe(2);
  });

  it("is no other request's: not with another text, id, address or client", async () => {
    const { tool, run, count } = counted();
    const { url } = await serveHere({ tools: [tool] });
    const client = await introduce(url);
    await postAndBreak(client, ONCE("a"), run(0).begun);
    for (let n = 1; n <= 5; n++) run(n).end();
    const elsewhere = await introduce(url);
    const others = [
      client.post(ONCE("b")),
      client.post(ONCE("a", "1")),
      client.post(ONCE("a", 2)),
      post(`${url}?name=work`, ONCE("a"), client.headers),
      elsewhere.post(ONCE("a")),
    ];
    for (const response of await Promise.all(others)) await read(response);
    expect(count()).toBe(6);
    run(0).end();
  });
});

describe("a request with the id and the text of an earlier one", () => {
  it("is a new call when the answer to the earlier one was written, also after a restart", async () => {
    const { tool, run, count } = counted();
    const folder = temporaryFolder();
    for (let n = 0; n < 8; n++) run(n).end();
    const first = await serveHere({ tools: [tool], folder });
    const client = await introduce(first.url);
    for (let n = 1; n <= 4; n++)
      expect(await says(await client.post(ONCE("a")))).toBe(`a, run ${n}`);
    await first.stop();
    client.url = (await serveHere({ tools: [tool], folder })).url;
    expect(await says(await client.post(ONCE("a")))).toBe("a, run 5");
    expect(count()).toBe(5);
  });

  it("is a new call while the earlier one runs and its caller is there", async () => {
    const { tool, run, count } = counted();
    const client = await introduce((await serveHere({ tools: [tool] })).url);
    const first = client.post(ONCE("a"));
    await run(0).begun;
    const second = client.post(ONCE("a"));
    await run(1).begun;
    run(1).end();
    await says(await second);
    run(0).end();
    await says(await first);
    expect(count()).toBe(2);
  });
});

describe("after SIGKILL", () => {
  it("the same POST joins the run of what may run again, and gets the outcome of what may not", async () => {
    const folder = temporaryFolder();
    const first = await startServer({ folder, script: FIXTURE });
    const client = await introduce(first.url);
    const SLOWLY = { steps: 5, step_ms: 200 };
    const count = rpc("tools/call", { name: "count", arguments: SLOWLY }, 1);
    const countOnce = rpc("tools/call", { name: "count_once", arguments: SLOWLY }, 1);
    await Promise.all([client.post(count), client.post(countOnce)]); // headers only: both are stored and run
    const runs = () => rows(folder, "SELECT key FROM session_state WHERE key LIKE '% runs'").length;
    await expect.poll(runs).toBe(2);
    await first.kill();
    client.url = (await startServer({ folder, script: FIXTURE })).url;
    const [joined, outcome] = await Promise.all([client.post(count), client.post(countOnce)]);
    expect(await says(joined)).toBe("counted to 5 in run 2");
    expect((await read(outcome)).messages).toMatchObject([{ id: 1, result: INTERRUPTED }]);
    const state = async (key: string) => (await client.call("state_get", { key })).data["value"];
    expect([await state("count runs"), await state("count_once runs")]).toEqual([2, 1]);
    // Each has had its answer: from here on the same POST is a new call.
    expect(await says(await client.post(countOnce))).toBe("counted to 5 in run 2");
  });
});
