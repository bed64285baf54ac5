// What one principal may take: each limit says which setting it is, when to come back, and costs nobody else anything.
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { defineTool, type Tool } from "../../src/tools/tool.ts";
import { bearer } from "../support/bearer.ts";
import { openDatabase } from "../support/database.ts";
import { gate } from "../support/here.ts";
import { ERAS, serveWithKeys } from "../support/people.ts";
import { type Answer, codeOf, initialize, post, read, rpc } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

function expectTooMany(answer: Answer, setting: string): void {
  expect(answer.status).toBe(429);
  expect(answer.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
  expect(answer.messages[0]!["error"].message).toContain(`the setting ${setting}`);
}

describe("max-sessions", () => {
  it.each(ERAS)("bounds how many one principal makes, however, in the era of %s", async (era) => {
    const { folder, person } = await serveWithKeys({ "max-sessions": 3 });
    const [ana, bob] = [await person("ana", era), await person("bob", era)];
    const opened = await Promise.all(Array.from({ length: 20 }, () => ana.call("session_open")));
    const made = opened.filter(({ isError }) => !isError);
    expect(made).toHaveLength(3);
    const refusals = [
      ...opened.filter(({ isError }) => isError),
      await ana.call("session_open", { name: "one more" }),
      await ana.at("name=more").call("state_set", { key: "k", value: 1 }),
      await (await person("ana", "2025")).call("state_set", { key: "k", value: 1 }),
      await (await person("ana")).call("history_append", { role: "user", content: "x" }),
      await (await person("ana")).call("chat", { prompt: "x" }),
    ];
    for (const refused of refusals) {
      expect(codeOf(refused)).toBe("limit");
      expect(refused.says).toContain("max-sessions");
    }
    const { session } = made[0]!.data;
    expect((await ana.call("state_set", { session, key: "k", value: 1 })).isError).toBe(false);
    expect((await bob.call("session_open")).isError).toBe(false);
    await ana.call("session_delete", { session });
    expect((await ana.call("session_open")).isError).toBe(false);
    expect(rows(folder, "SELECT owner FROM sessions")).toHaveLength(4);
  });
});

it("one client opens its 10,000 sessions, one more is refused, and the list stays whole", async () => {
  const { person, folder } = await serveWithKeys();
  const [ana, bob] = [await person("ana"), await person("bob")];
  // All but the last 1,000 are there already: each call is alike.
  openDatabase(folder, { readonly: false }).exec(
    `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 9000)
      INSERT INTO sessions (id, owner, pinned, created_at, last_active_at)
      SELECT format('%08d-0000-4000-8000-000000000000', i), 'ana', 0, ${Date.now()}, ${Date.now()} FROM n`,
  );
  const open = async () => (await ana.call("session_open")).isError;
  for (let batch = 0; batch < 10; batch += 1) {
    const opened = await Promise.all(Array.from({ length: 100 }, open));
    expect(opened).not.toContain(true);
  }
  expect(codeOf(await ana.call("session_open"))).toBe("limit");
  const seen = new Set<string>();
  for (let cursor: string | undefined; ;) {
    const { data } = await ana.call("session_list", { limit: 100, ...(cursor && { cursor }) });
    for (const { id } of data["sessions"] as { id: string }[]) seen.add(id);
    cursor = data["next_cursor"] as string | undefined;
    if (cursor === undefined) break;
  }
  expect(seen.size).toBe(10_000);
  expect((await bob.call("session_list")).data["sessions"]).toEqual([]);
  expect((await bob.call("session_open")).isError).toBe(false);
});

describe("max-messages", () => {
  it("bounds a session's history, and nobody is stuck at it", async () => {
    const { person } = await serveWithKeys({ "max-messages": 3 });
    const ana = await person("ana");
    const { session } = (await ana.call("session_open")).data;
    const say = (content: string) => ana.call("history_append", { session, role: "user", content });
    await say("one");
    await say("two");
    const [asked, again] = [
      await ana.call("chat", { session, prompt: "x" }), // there is no room for an answer
      await ana.call("chat", { session, prompt: "x" }),
    ];
    await say("three");
    for (const refused of [asked, again, await say("four")]) {
      expect(codeOf(refused)).toBe("limit");
      expect(refused.says).toContain("max-messages");
    }
    expect((await ana.call("history_get", { session })).data["messages"]).toHaveLength(3);
    await ana.call("session_clear", { session });
    expect((await ana.call("chat", { session, prompt: "x" })).isError).toBe(false);
  });
});

describe("max-calls-per-minute", () => {
  it.each(ERAS)("is one principal's, over all its keys, in the era of %s", async (era) => {
    const { person } = await serveWithKeys({ "max-calls-per-minute": 10 });
    const ana = await person("ana", era);
    const answers = await Promise.all(Array.from({ length: 30 }, () => ana.ask("tools/list")));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(20);
    for (const answer of refused) {
      expectTooMany(answer, "max-calls-per-minute");
      expect(Number(answer.headers.get("retry-after"))).toBeLessThanOrEqual(60);
    }
    expect((await (await person("ana")).ask("tools/list")).status).toBe(429);
    expect((await (await person("bob", era)).ask("tools/list")).status).toBe(200);
  });
});

it("max-calls-per-minute counts each request of a batch", async () => {
  const { url, key } = await serveWithKeys({ "max-calls-per-minute": 10 });
  const credentials = bearer(await key("ana"));
  const introduced = await post(url, initialize({ protocolVersion: "2025-03-26" }), credentials);
  const headers = { ...credentials, "mcp-session-id": introduced.headers.get("mcp-session-id")! };
  const batch = (n: number) => Array.from({ length: n }, (_, id) => rpc("ping", undefined, id));
  expect((await post(url, batch(8), headers)).status).toBe(200);
  expectTooMany(await read(await post(url, batch(2), headers)), "max-calls-per-minute");
  const never = await read(await post(url, batch(11), { ...headers, ...bearer(await key("bob")) }));
  expect([never.status, never.headers.get("retry-after")]).toEqual([400, null]);
  expect(never.text).toContain("the setting max-calls-per-minute");
});

it("max-headers: larger ones are refused with what is wrong", async () => {
  const { url } = await serveWithKeys({ "max-headers": "4kb" });
  const answer = await read(await post(url, rpc("ping"), { "x-much": "x".repeat(5_000) }));
  expect(answer.status).toBe(431);
  expect(answer.messages[0]!["error"].message).toContain("the setting max-headers");
});

it("max-depth: deeper JSON is refused with what is wrong", async () => {
  const { person } = await serveWithKeys({ "max-depth": 12 });
  const ana = await person("ana", "2025");
  const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
  const set = (value: unknown) => ana.call("state_set", { key: "k", value, pad: " ".repeat(400) });
  expect((await ana.call("state_set", { key: "k", value: nested(8) })).isError).toBe(false);
  const refused = await set(nested(20));
  expect(refused.status).toBe(400);
  expect(refused.text).toContain("the setting max-depth");
});

describe("max-concurrent-calls", () => {
  /** A tool that waits for the test; `started` resolves when so many are running. */
  function waiting() {
    const { wait, open } = gate();
    let running = 0;
    const tool: Tool = defineTool({
      name: "wait",
      description: "Waits.",
      input: z.strictObject({}),
      annotations: { readOnlyHint: true, openWorldHint: true },
      session: "optional",
      async handler() {
        running += 1;
        await wait;
        return "done";
      },
    });
    return { tool, open, running: () => running };
  }

  it.each(ERAS)(
    "bounds what one principal has running, also in a burst, in the era of %s",
    async (era) => {
      const { tool, open, running } = waiting();
      const { person } = await serveWithKeys(
        { "max-concurrent-calls": 4, durability: "full" },
        { tools: [tool] },
      );
      const [ana, bob] = [await person("ana", era), await person("bob", era)];
      const burst = Array.from({ length: 20 }, () => ana.call("wait"));
      let refused = 0;
      for (const call of burst)
        void call.then(({ status }) => {
          if (status === 429) refused += 1;
        });
      await expect.poll(() => running() + refused).toBe(20);
      expect([running(), refused]).toEqual([4, 16]);
      expectTooMany(await ana.call("wait"), "max-concurrent-calls");
      const bobs = bob.call("wait");
      await expect.poll(running).toBe(5);
      open();
      expect((await bobs).says).toBe("done");
      const done = (await Promise.all(burst)).filter(({ status }) => status === 200);
      expect(done.map(({ says }) => says)).toEqual(["done", "done", "done", "done"]);
      expect((await ana.call("wait")).says).toBe("done");
    },
  );

  it("counts each call of a batch", async () => {
    const { tool, open } = waiting();
    const { url, key } = await serveWithKeys({ "max-concurrent-calls": 4 }, { tools: [tool] });
    const credentials = bearer(await key("ana"));
    const introduced = await post(url, initialize({ protocolVersion: "2025-03-26" }), credentials);
    const headers = { ...credentials, "mcp-session-id": introduced.headers.get("mcp-session-id")! };
    const batch = (size: number) =>
      Array.from({ length: size }, (_, n) => rpc("tools/call", { name: "wait" }, `${size}-${n}`));
    const never = await read(await post(url, batch(5), headers)); // no wait makes it fit
    expect([never.status, never.headers.get("retry-after")]).toEqual([400, null]);
    expect(never.text).toContain("the setting max-concurrent-calls");
    const four = await post(url, batch(4), headers);
    expectTooMany(await read(await post(url, rpc("ping"), headers)), "max-concurrent-calls");
    open();
    expect((await read(four)).messages).toHaveLength(4);
    expect((await post(url, rpc("ping"), headers)).status).toBe(200);
  });

  it("counts what its callers have left until it has ended, and is given back by every kind of end", async () => {
    const { tool, open } = waiting();
    const { person } = await serveWithKeys({ "max-concurrent-calls": 1 }, { tools: [tool] });
    const { client } = await person("ana", "2025");
    for (let n = 0; n < 5; n += 1) {
      expect((await client!.ask("no/such")).status).toBe(200);
      expect((await client!.call("no_such")).status).toBe(200);
      expect((await client!.ask("logging/setLevel", { level: "loud" })).status).toBe(200);
      expect((await client!.post({ jsonrpc: "2.0", method: "notifications/x" })).status).toBe(202);
    }
    const call = await client!.post(rpc("tools/call", { name: "wait", arguments: {} }, "w"));
    expect((await client!.call("session_list")).status).toBe(429);
    open();
    expect(await call.text()).toContain("done");
    expect((await client!.call("session_list")).status).toBe(200);
  });
});

it("max-connections: one too many is closed at once, and one that ends makes room", async () => {
  const { url, person } = await serveWithKeys({ "max-connections": 5 });
  const { hostname, port } = new URL(url);
  const sockets = Array.from({ length: 12 }, () => connect(Number(port), hostname));
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
  for (const socket of sockets) socket.on("error", () => undefined).resume();
  await expect.poll(() => sockets.filter(({ closed }) => closed).length).toBe(7);
  for (const socket of sockets) socket.destroy();
  await expect
    .poll(
      async () => (await (await person("ana")).ask("tools/list").catch(() => undefined))?.status,
    )
    .toBe(200);
});

it("what is refused for its rate is refused before its body is read", async () => {
  const { person, url } = await serveWithKeys({ "max-calls-per-minute": 1 });
  const ana = await person("ana");
  await ana.ask("tools/list");
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  socket.write(
    `POST /mcp HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: ${ana.headers["authorization"]}\r\n` +
      "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n",
  );
  const [answer] = (await socket.setEncoding("latin1").take(1).toArray()) as [string];
  expect(answer).toMatch(/^HTTP\/1\.1 429 /);
});
