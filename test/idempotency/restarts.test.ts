// Request keys across processes: one that shares the folder joins the run or gets its outcome; one that comes after a
// SIGKILL gives what was stored, runs again what may be run again, and says so of the rest.
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { INTERRUPTED } from "../support/interrupted.ts";
import { eras, keyed, withKey } from "../support/keyed.ts";
import { callModern, modernRequest, postModern } from "../support/modern.ts";
import { FIXTURE, type ServerProcess, startServer } from "../support/process.ts";
import { type CallAnswer, calling, codeOf, introduce, read, rpc } from "../support/raw.ts";

/** Long enough to be met in the middle. */
const SLOWLY = { steps: 10, step_ms: 50 };
const KEY = "k-1";

/** Processes on one folder, with tools that count slowly. */
const starting = () => {
  const folder = temporaryFolder();
  return {
    folder,
    start: (port = 0): Promise<ServerProcess> => startServer({ folder, script: FIXTURE, port }),
  };
};

/** Resolves with the rest of the answer once the first progress has come: the run is under way. */
async function underWay(answering: Promise<Response>): Promise<{ rest: Promise<CallAnswer> }> {
  const response = await answering;
  const [head, whole] = response.body!.tee();
  const reader = head.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; !text.includes("notifications/progress");) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`No progress: ${text}`);
    text += value;
  }
  const rest = read(new Response(whole, { headers: response.headers })).then(calling);
  rest.catch(() => undefined); // its process may be killed
  reader.read().catch(() => undefined);
  return { rest };
}

const META = { ...keyed(KEY), progressToken: 1 };

/** By era: begins a call with a key in this session, and waits until it runs. */
const begins: Record<string, (url: string, session: string, tool: string) => Promise<Response>> = {
  async "2025-11-25"(url, session, name) {
    const client = await introduce(`${url}?session=${session}`);
    return client.post(rpc("tools/call", { name, arguments: SLOWLY, _meta: META }, 7));
  },
  "2026-07-28": (url, session, name) =>
    postModern(
      url,
      modernRequest("tools/call", { name, arguments: { session, ...SLOWLY } }, { meta: META }),
    ),
};

for (const [era, join] of Object.entries(eras)) {
  const begin = begins[era]!;

  describe(`in the ${era} era, with two processes on one folder`, () => {
    it("a call that is repeated at the other one joins the run, or gets its outcome", async () => {
      const { start } = starting();
      const [one, two] = await Promise.all([start(), start()]);
      const { session, call } = await join(one.url);
      await call("state_set", { key: "made", value: true }); // the session is stored
      const { rest } = await underWay(begin(one.url, session, "count_once"));
      const there = await join(two.url, session);
      const joined = await there.call("count_once", SLOWLY, KEY);
      expect(joined).toMatchObject({ isError: false, says: "counted to 10 in run 1" });
      expect((await rest).says).toBe(joined.says);
      expect((await there.call("count_once", SLOWLY, KEY)).says).toBe(joined.says);
      const other = await there.call("count", SLOWLY, KEY);
      expect(codeOf(other)).toBe("conflict");
    });
  });

  describe(`in the ${era} era, after SIGKILL`, () => {
    it("an outcome that was stored is given again", async () => {
      const { start } = starting();
      const first = await start();
      const { session, call } = await join(first.url);
      const quick = { steps: 1, step_ms: 1 };
      const before = await call("count_once", quick, KEY);
      expect(before.says).toBe("counted to 1 in run 1");
      await first.kill();
      const after = await join((await start()).url, session);
      expect(await after.call("count_once", quick, KEY)).toMatchObject({ data: before.data });
      expect((await after.call("count_once", quick, KEY)).says).toBe(before.says);
    });

    it("a call that may be run again is run again, once", async () => {
      const { start } = starting();
      const first = await start();
      const { session, call } = await join(first.url);
      await call("state_set", { key: "made", value: true });
      await underWay(begin(first.url, session, "count"));
      await first.kill();
      const after = await join((await start()).url, session);
      const both = [after.call("count", SLOWLY, KEY), after.call("count", SLOWLY, KEY)];
      for (const { says } of await Promise.all(both)) expect(says).toBe("counted to 10 in run 2");
      const { data } = await after.call("state_get", { key: "count runs" });
      expect(data).toMatchObject({ value: 2 });
    });

    it("any other call is reported as interrupted, once, and can then be called anew", async () => {
      const { start } = starting();
      const first = await start();
      const { session, call } = await join(first.url);
      await call("state_set", { key: "made", value: true });
      await underWay(begin(first.url, session, "count_once"));
      await first.kill();
      const after = await join((await start()).url, session);
      const interrupted = await after.call("count_once", SLOWLY, KEY);
      expect(interrupted.messages).toMatchObject([{ result: INTERRUPTED }]);
      const runs = () => after.call("state_get", { key: "count_once runs" });
      expect((await runs()).data).toMatchObject({ value: 1 });
      const anew = await after.call("count_once", SLOWLY, KEY);
      expect(anew).toMatchObject({ isError: false, says: "counted to 10 in run 2" });
      expect((await after.call("count_once", SLOWLY, KEY)).says).toBe(anew.says);
      expect((await runs()).data).toMatchObject({ value: 2 });
    });
  });
}

it("one that waits for a process that is killed runs the call again itself", async () => {
  const { start } = starting();
  const [one, two] = await Promise.all([start(), start()]);
  const { session } = await eras["2026-07-28"]!(one.url);
  await underWay(begins["2026-07-28"]!(one.url, session, "count"));
  const joined = callModern(two.url, "count", { session, ...SLOWLY }, withKey(KEY));
  await one.kill();
  expect((await joined).says).toBe("counted to 10 in run 2");
});
