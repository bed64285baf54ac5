// A call that names no session works at home: what one program stores without naming anything, the next one finds.
import { describe, expect, it } from "vitest";
import { defineTool, inputRequired } from "../../src/index.ts";
import { serveHere } from "../support/here.ts";
import { askModern, callModern } from "../support/modern.ts";
import {
  type CallAnswer,
  calling,
  initialize,
  introduce,
  post,
  read,
  rpc,
} from "../support/raw.ts";

const bare = async (
  url: string,
  tool: string,
  args: object = {},
  headers = {},
): Promise<CallAnswer> =>
  calling(await read(await post(url, rpc("tools/call", { name: tool, arguments: args }), headers)));

describe("a call that names no session", () => {
  it("finds at home what others have stored there, in every era", async () => {
    const { url } = await serveHere();
    expect((await bare(url, "state_set", { key: "colour", value: "teal" })).isError).toBe(false);
    expect((await callModern(url, "state_get", { key: "colour" })).data["value"]).toBe("teal");
    await callModern(url, "history_append", { role: "user", content: "A walrus." });
    const named = await bare(`${url}?name=home`, "history_get");
    expect(named.data["messages"]).toMatchObject([{ content: "A walrus." }]);
    const lists = await bare(url, "session_list");
    expect(lists.data["sessions"]).toMatchObject([{ name: "home" }]);
  });

  it("leaves each client that brings its id a session of its own", async () => {
    const { url } = await serveHere();
    await bare(url, "state_set", { key: "k", value: "home" });
    const [one, other] = [await introduce(url), await introduce(url)];
    await one.call("state_set", { key: "k", value: "one" });
    expect((await other.call("state_get", { key: "k" })).data["found"]).toBe(false);
    expect((await one.call("state_get", { key: "k" })).data).toMatchObject({
      ...{ session: await one.session(), value: "one" },
    });
    expect((await bare(url, "state_get", { key: "k" })).data["value"]).toBe("home");
  });

  it("makes no home by looking, nor by a change of nothing", async () => {
    const { url } = await serveHere();
    const looks: (readonly [string, object])[] = [
      ...([
        ["state_get", { key: "k" }],
        ["state_list", {}],
        ["history_get", {}],
      ] as const),
      ...([
        ["session_info", {}],
        ["history_search", { query: "walrus" }],
      ] as const),
      ...([
        ["state_delete", { key: "k" }],
        ["session_clear", {}],
        ["session_delete", {}],
      ] as const),
    ];
    for (const [tool, args] of looks) {
      for (const answer of [await bare(url, tool, args), await callModern(url, tool, args)])
        expect(answer, `${tool}: ${answer.says}`).toMatchObject({
          isError: false,
          data: { session: null },
          says: expect.not.stringMatching(/[0-9a-f]{8}-[0-9a-f]{4}-/),
        });
    }
    const list = await bare(url, "session_list");
    expect(list.data).toMatchObject({ session: null, sessions: [] });
  });

  it("opens one home, however many are first at the same time, and each is told where it is", async () => {
    const { url } = await serveHere();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => bare(url, "state_set", { key: `k${i}`, value: i })),
    );
    const ids = new Set(answers.map(({ data }) => data["session"] as string));
    expect(ids.size).toBe(1);
    expect(answers.filter(({ isError }) => isError)).toEqual([]);
    const [id] = ids;
    const opening = answers.filter(({ says }) => says.includes(id!));
    expect(opening).toHaveLength(1);
    expect(opening[0]!.says).toContain('"home"');
    expect((await bare(url, "state_list")).data["entries"]).toHaveLength(8);
  });

  it("does a keyed call once, also the first one", async () => {
    const { url } = await serveHere();
    const call = () =>
      callModern(
        url,
        "history_append",
        { role: "user", content: "Once." },
        { meta: { "holdfast/request-key": "one" } },
      );
    await Promise.all([call(), call()]);
    await call();
    expect((await bare(url, "history_get")).data["messages"]).toHaveLength(1);
  });

  it("finds again what clients that come for one call have stored in sessions of their own", async () => {
    const { url } = await serveHere();
    for (const word of ["walrus", "narwhal"]) {
      const client = await introduce(url);
      await client.call("history_append", { role: "user", content: `A ${word}.` });
    }
    const found = await bare(url, "history_search", { query: "narwhal", scope: "all" });
    expect(found.data["hits"]).toMatchObject([{ snippet: expect.stringContaining("narwhal") }]);
    expect((await bare(url, "session_list")).data["sessions"]).toHaveLength(2);
  });
});

describe("the setting default-session", () => {
  it("own gives 2026 calls new sessions, named in the text too, and wants a session of the others", async () => {
    const { url } = await serveHere({ config: { "default-session": "own" } });
    const first = await callModern(url, "history_append", { role: "user", content: "One." });
    const second = await callModern(url, "history_append", { role: "user", content: "Two." });
    expect(first.data["session"]).not.toBe(second.data["session"]);
    expect(first.says).toContain(first.data["session"]);
    const refused = await callModern(url, "state_get", { key: "k" });
    expect(refused).toMatchObject({ isError: true });
    expect(refused.says).toContain("session_open");
    const answer = await read(await post(url, rpc("tools/list")));
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("initialize");
  });

  it("none refuses whatever names no session, and serves what does", async () => {
    const { url } = await serveHere({ config: { "default-session": "none" } });
    for (const [tool, args] of [
      ["state_set", { key: "k", value: 1 }],
      ["history_append", { role: "user", content: "One." }],
    ] as const) {
      for (const answer of [await bare(url, tool, args), await callModern(url, tool, args)]) {
        expect(answer.isError).toBe(true);
        expect(answer.says).toMatch(/names no session.*session_open/s);
      }
      expect((await bare(`${url}?name=work`, tool, args)).isError).toBe(false);
    }
    expect((await bare(url, "session_list")).data["sessions"]).toHaveLength(1);
    const client = await introduce(url);
    expect((await client.call("state_set", { key: "k", value: 1 })).isError).toBe(false);
  });
});

describe("a 2025 request without Mcp-Session-Id", () => {
  it("is served when nothing in it needs a client", async () => {
    const { url } = await serveHere();
    const uri = "holdfast://sessions";
    for (const [method, params] of [
      ["ping", undefined],
      ["tools/list", undefined],
      ["resources/list", undefined],
      ["resources/templates/list", undefined],
      ["resources/read", { uri }],
      ["prompts/list", undefined],
      [
        "completion/complete",
        { ref: { type: "ref/resource", uri: `${uri}/{id}` }, argument: { name: "id", value: "" } },
      ],
    ] as const) {
      for (const version of [undefined, "2025-06-18", "2025-11-25"]) {
        const headers: Record<string, string> = version ? { "mcp-protocol-version": version } : {};
        const answer = await read(await post(url, rpc(method, params), headers));
        expect(answer, method).toMatchObject({ status: 200, messages: [{ id: 1, result: {} }] });
      }
    }
    await bare(url, "history_append", { role: "user", content: "A walrus." });
    const prompt = await read(
      await post(url, rpc("prompts/get", { name: "continue_conversation" })),
    );
    expect(prompt.text).toContain("A walrus.");
  });

  it("is taken when it is a notification, and answered under its own id when many have the same", async () => {
    const { url } = await serveHere();
    for (const method of ["notifications/initialized", "notifications/cancelled"]) {
      const answer = await post(url, { jsonrpc: "2.0", method });
      expect(answer.status).toBe(202);
    }
    const answers = await Promise.all(
      ["a", "b", "c"].map((key) => bare(url, "state_set", { key, value: key })),
    );
    expect(answers.map(({ data }) => data["key"])).toEqual(["a", "b", "c"]);
  });

  it("is refused in words that help when it needs a client, and 404 for an id that is not there", async () => {
    const { url } = await serveHere();
    for (const [method, params] of [
      ["resources/subscribe", { uri: "holdfast://sessions" }],
      ["resources/unsubscribe", { uri: "holdfast://sessions" }],
      ["logging/setLevel", { level: "info" }],
    ] as const) {
      const answer = await read(await post(url, rpc(method, params)));
      expect(answer.status).toBe(400);
      expect(answer.text).toMatch(/initialize.*Mcp-Session-Id/);
    }
    const gone = await introduce(url);
    await gone.end();
    for (const id of [gone.id, crypto.randomUUID(), "x"])
      expect((await post(url, rpc("ping"), { "mcp-session-id": id })).status).toBe(404);
  });

  it("is told that a tool asks questions, which need a session", async () => {
    const ask = defineTool({
      name: "ask",
      description: "Asks.",
      handler: () =>
        inputRequired({
          inputRequests: {
            who: inputRequired.elicit({
              message: "Who?",
              requestedSchema: { type: "object", properties: {} },
            }),
          },
        }),
    });
    const { url } = await serveHere({ tools: [ask] });
    const answer = await bare(url, "ask");
    expect(answer).toMatchObject({ status: 200, isError: true });
    expect(answer.says).toMatch(/question.*initialize/);
  });

  it("may be one of a batch, of the revisions that have them", async () => {
    const { url } = await serveHere();
    const batch = [rpc("ping", undefined, "a"), rpc("tools/list", undefined, "b")];
    const answer = await read(await post(url, batch));
    expect(answer.messages.map(({ id }) => id).toSorted()).toEqual(["a", "b"]);
    const late = await post(url, batch, { "mcp-protocol-version": "2025-11-25" });
    expect(late.status).toBe(400);
  });

  it("is answered on its own POST when it takes long, with progress", async () => {
    const slow = defineTool({
      name: "slow",
      description: "Takes its time.",
      async handler({ progress, session }) {
        await progress(1, 2);
        await session.state.set("done", true);
        return "done";
      },
    });
    const { url } = await serveHere({ tools: [slow] });
    const params = { name: "slow", arguments: {}, _meta: { progressToken: 7 } };
    const answer = await read(await post(url, rpc("tools/call", params)));
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    expect(answer.messages).toMatchObject([
      { method: "notifications/progress", params: { progressToken: 7, progress: 1 } },
      { id: 1, result: { content: [{ text: "done" }, {}] } },
    ]);
    expect((await bare(url, "state_get", { key: "done" })).data["value"]).toBe(true);
  });
});

it("an introduction for each call leaves no session, and no call of it names one", async () => {
  const { url } = await serveHere();
  for (let day = 1; day <= 3; day++) {
    await read(await post(url, initialize()));
    await post(url, { jsonrpc: "2.0", method: "notifications/initialized" });
    await bare(url, "history_append", { role: "user", content: `Day ${day}.` });
  }
  expect((await bare(url, "history_get")).data["messages"]).toHaveLength(3);
  expect((await bare(url, "session_list")).data["sessions"]).toHaveLength(1);
  expect((await askModern(url, "tools/list")).status).toBe(200);
});
