// GET /metrics: what Prometheus reads of a server, whose numbers are everybody's and whose labels are the server's own.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/tools/tool.ts";
import { bearer } from "../support/bearer.ts";
import { gate, serveHere } from "../support/here.ts";
import { modernRequest, postModern } from "../support/modern.ts";
import { ERAS, type KeyedServer, serveWithKeys, speak } from "../support/people.ts";
import { growth, scrape } from "../support/prometheus.ts";
import { initialize, introduce, post, rpc } from "../support/raw.ts";

const CALLS = "holdfast_calls_total";

/** A server that asks for keys, and how its operator scrapes it. */
async function watched(
  ...options: Parameters<typeof serveWithKeys>
): Promise<KeyedServer & { look: () => ReturnType<typeof scrape> }> {
  const server = await serveWithKeys(...options);
  const headers = bearer(await server.key("prometheus", { scope: "admin" }));
  return { ...server, look: () => scrape(server.url, headers) };
}

describe("/metrics", () => {
  it("is the Prometheus text format, for GET and HEAD, every metric of Holdfast with a type", async () => {
    const { url } = await serveHere();
    await (await introduce(url)).call("history_append", { role: "user", content: "x" });
    const { type, text, types, samples } = await scrape(url);
    expect(type).toBe("text/plain; version=0.0.4; charset=utf-8");
    const own = [...types.keys()].filter((name) => name.startsWith("holdfast_"));
    expect(own.length).toBeGreaterThan(15);
    for (const name of types.keys()) expect(text).toContain(`# HELP ${name} `);
    for (const [name, type] of types) {
      if (type === "counter" && name.startsWith("holdfast_")) expect(name).toMatch(/_total$/);
    }
    expect(samples.get("holdfast_messages_total")).toBe(1);
    expect(samples.get('holdfast_sessions{state="live"}')).toBe(1);
    expect(samples.get("holdfast_database_bytes")).toBeGreaterThan(4_096);
    expect(samples.get("holdfast_clients_in_memory")).toBe(1);
    expect(samples.get("nodejs_eventloop_lag_p99_seconds")).toBeGreaterThan(0);
    expect(samples.get("nodejs_active_resources_total")).toBeGreaterThan(0);
    // Node may abort while it gathers these.
    expect([...samples.keys()].filter((name) => /active_(handles|requests)/.test(name))).toEqual(
      [],
    );
    const head = await fetch(new URL("/metrics", url), { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  it("is open where nobody is asked for credentials, and the operator's as soon as there is a key", async () => {
    const open = await serveHere();
    expect((await scrape(open.url)).status).toBe(200);
    const { url, key } = await serveWithKeys();
    const refused = await fetch(new URL("/metrics", url));
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toMatch(/^Bearer /);
    expect(await refused.text()).not.toContain("holdfast_");
    expect((await scrape(url, bearer("hf_wrong_key"))).status).toBe(401);
    for (const scope of ["read", "write"] as const) {
      const answer = await fetch(new URL("/metrics", url), {
        headers: bearer(await key("ana", { scope })),
      });
      expect(answer.status).toBe(403);
      expect(answer.headers.get("www-authenticate")).toContain('scope="metrics"');
      expect(await answer.text()).not.toContain("holdfast_");
    }
    expect((await scrape(url, bearer(await key("ops", { scope: "admin" })))).status).toBe(200);
  });

  it("is all that a key for it opens: no request, stream or client of either era", async () => {
    const { url, key } = await serveWithKeys();
    const headers = bearer(await key("prometheus", { scope: "metrics" }));
    expect((await scrape(url, headers)).status).toBe(200);
    const messages = [
      initialize(),
      rpc("ping"),
      rpc("tools/list"),
      rpc("tools/call", { name: "session_list" }),
      { jsonrpc: "2.0", method: "notifications/initialized" },
      { jsonrpc: "2.0", id: 1, result: {} },
    ];
    for (const message of messages)
      expect((await post(url, message, headers)).status, JSON.stringify(message)).toBe(403);
    const modern = modernRequest("tools/list");
    expect((await postModern(url, modern, { headers })).status).toBe(403);
    const stream = { ...headers, accept: "text/event-stream", "mcp-session-id": "any" };
    for (const method of ["GET", "DELETE"])
      expect((await fetch(url, { method, headers: stream })).status, method).toBe(403);
  });

  it("is not there with --metrics false, and everything else is", async () => {
    const { url } = await serveHere({ config: { metrics: false } });
    expect((await fetch(new URL("/metrics", url))).status).toBe(404);
    const client = await introduce(url);
    expect((await client.call("state_set", { key: "k", value: 1 })).isError).toBe(false);
  });

  it("is refused like everything else to a page that rebinds a name", async () => {
    const { url } = await serveHere();
    const answer = await fetch(new URL("/metrics", url), {
      headers: { origin: "https://evil.example" },
    });
    expect(answer.status).toBe(403);
  });
});

describe.each(ERAS)("calls in the era of %s", (era) => {
  it("are counted and timed by tool, with what came of each", async () => {
    const { look, person } = await watched({ "max-keys": 1 });
    const ana = await person("ana", era);
    const session = (await ana.call("session_open")).data["session"] as string;
    const before = await look();
    await ana.call("state_set", { session, key: "k", value: 1 });
    await ana.call("state_set", { session, key: "k", value: 2 });
    await ana.call("state_set", { session, key: "one too many", value: 1 }); // limit
    await ana.call("state_set", { session, key: 7 }); // invalid
    await ana.call("state_get", { session: crypto.randomUUID(), key: "k" }); // not_found
    await ana.call("chat", { session, prompt: "Hello" }); // on a stream
    await ana.call("no_such_tool");
    await ana.ask("resources/read", { uri: "holdfast://nowhere" });
    await ana.ask("resources/list");
    await ana.ask("skills/list");
    const after = await look();
    expect(growth(before, after, CALLS)).toEqual({
      '{tool="state_set",outcome="ok"}': 2,
      '{tool="state_set",outcome="limit"}': 1,
      '{tool="state_set",outcome="invalid"}': 1,
      '{tool="state_get",outcome="not_found"}': 1,
      '{tool="chat",outcome="ok"}': 1,
      '{tool="unknown",outcome="-32602"}': 1,
    });
    const timed = growth(before, after, "holdfast_call_duration_seconds_count");
    expect(timed['{tool="state_set"}']).toBe(4);
    const seconds = growth(before, after, "holdfast_call_duration_seconds_sum");
    expect(seconds['{tool="state_set"}']).toBeGreaterThan(0);
    expect(seconds['{tool="state_set"}']).toBeLessThan(30);
    const requests = growth(before, after, "holdfast_requests_total");
    expect(requests['{method="resources/list",outcome="ok"}']).toBe(1);
    expect(requests['{method="skills/list",outcome="ok"}']).toBe(1);
    expect(Object.keys(requests)).toContainEqual(
      expect.stringMatching(/^\{method="resources\/read",outcome="-32\d{3}"\}$/),
    );
    const commits = growth(before, after, "holdfast_commit_duration_seconds_count");
    expect(commits[""]).toBeGreaterThanOrEqual(3);
  });

  it("are running while they run, and one whose tool has a defect says so", async () => {
    const [started, finish] = [gate(), gate()];
    const slow = defineTool({
      name: "slow",
      description: "Waits.",
      input: z.object({}),
      session: "optional",
      async handler() {
        started.open();
        await finish.wait;
        throw new TypeError("a defect");
      },
    });
    const { look, person } = await watched({ "log-level": "silent" }, { tools: [slow] });
    const ana = await person("ana", era);
    const before = await look();
    const call = ana.call("slow");
    await started.wait;
    expect((await look()).samples.get("holdfast_running_calls")).toBe(1);
    finish.open();
    await call;
    const after = await look();
    expect(after.samples.get("holdfast_running_calls")).toBe(0);
    expect(growth(before, after, CALLS)).toEqual({ '{tool="slow",outcome="internal"}': 1 });
  });

  it("cannot make labels: 1,000 made-up tools and methods are one of each", async () => {
    const { look, person } = await watched();
    const ana = await person("ana", era);
    const numbers = Array.from({ length: 1_000 }, (_, i) => i);
    for (let i = 0; i < numbers.length; i += 50) {
      const asked = numbers
        .slice(i, i + 50)
        .map((n) =>
          n % 2 ? ana.call(`tool_${n}_"}\n${"x".repeat(n % 50)}`) : ana.ask(`tool_${n}`),
        );
      await Promise.all(asked);
    }
    const after = await look();
    const labels = [...after.samples.keys()].join("\n");
    expect(labels).not.toContain("tool_");
    const calls = [...after.samples].filter(([key]) => key.startsWith(CALLS));
    expect(calls).toEqual([[`${CALLS}{tool="unknown",outcome="-32602"}`, 500]]);
    const methods = [...after.samples].filter(([key]) => key.startsWith("holdfast_requests_total"));
    const unknown = methods.filter(([key]) => key.includes('method="unknown"'));
    expect(unknown).toEqual([['holdfast_requests_total{method="unknown",outcome="-32601"}', 500]]);
    expect(methods.length).toBeLessThan(5);
  });
});

describe("refusals", () => {
  it("are counted by reason, answers by their status class", async () => {
    const { look, url, key, person } = await watched({
      ...{ "max-calls-per-minute": 5, "max-streams": 1, "max-body": "2kb" },
    });
    const [reader, ana] = [await key("rita", { scope: "read" }), await person("ana", "2025")];
    const before = await look();
    await post(url, rpc("ping")); // auth
    await (await speak(url, "2026", reader)).call("state_set", { key: "k", value: 1 }); // scope
    await fetch(url, { headers: { origin: "https://evil.example" } }); // host
    await ana.client!.post({ ...rpc("ping"), padding: "x".repeat(4_000) }); // size
    const held = await ana.client!.listen(); // a stream that nobody refers to is closed with the garbage
    expect((await ana.client!.listen()).status).toBe(429); // streams
    const statuses = await Promise.all(
      Array.from({ length: 6 }, async () => (await ana.ask("ping")).status),
    );
    const limited = statuses.filter((status) => status === 429).length; // rate
    expect(limited).toBeGreaterThan(0);
    const after = await look();
    expect(after.samples.get("holdfast_open_streams")).toBe(1);
    expect(after.samples.get("holdfast_connected_clients")).toBe(1);
    expect(held.status).toBe(200);
    expect(growth(before, after, "holdfast_rejected_requests_total")).toEqual({
      '{reason="auth"}': 1,
      '{reason="scope"}': 1,
      '{reason="host"}': 1,
      '{reason="size"}': 1,
      '{reason="streams"}': 1,
      '{reason="rate"}': limited,
    });
    const answers = growth(before, after, "holdfast_http_responses_total");
    expect(answers['{class="4xx"}']).toBe(5 + limited);
  });
});

it("what the cleanup job deletes is counted, and what is stored is looked up anew after a while", async () => {
  const { url } = await serveHere({
    config: { "max-age": "300ms", "cleanup-interval": "100ms" },
  });
  const client = await introduce(url);
  await client.call("state_set", { key: "k", value: 1 });
  await expect
    .poll(
      async () => (await scrape(url)).samples.get('holdfast_expired_deleted_total{kind="session"}'),
      { timeout: 60_000 },
    )
    .toBe(1);
  await expect
    .poll(async () => (await scrape(url)).samples.get('holdfast_sessions{state="live"}'), {
      timeout: 60_000,
    })
    .toBe(0);
});
