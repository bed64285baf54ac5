// Answers are bounded in bytes before they are read, and so is what all of them have in memory.
import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { InFlight } from "../../src/http/limits/in-flight.ts";
import { defineTool } from "../../src/index.ts";
import { serveHere } from "../support/here.ts";
import { ERAS, type Person, serveWithKeys } from "../support/people.ts";
import { introduce, type Json, rpc } from "../support/raw.ts";

const LONG = "x".repeat(300_000);
/** What an answer may have: a page twice, as structure and as text, and what is around it. */
const LARGEST = 2_500_000;

async function bounded(person: Person, method: string, params: object): Promise<Json> {
  const { text, messages } = await person.ask(method, params);
  expect(text.length).toBeLessThan(LARGEST);
  return messages[0]!["result"] as Json;
}

const tool = (person: Person, name: string, args: object): Promise<Json> =>
  bounded(person, "tools/call", { name, arguments: args });

describe.each(ERAS)("with long texts, in the era of %s", (era) => {
  it("a page ends at about a megabyte and leads to the rest", async () => {
    const { person } = await serveWithKeys();
    const ana = await person("ana", era);
    const { session } = (await ana.call("session_open")).data;
    for (let i = 1; i <= 8; i += 1) {
      await ana.call("history_append", { session, role: "user", content: `${i} ${LONG}` });
      await ana.call("state_set", { session, key: `k${i}`, value: LONG });
    }

    const seqs: number[] = [];
    for (let before: number | undefined = 100; before !== undefined;) {
      const { structuredContent } = await tool(ana, "history_get", { session, limit: 500, before });
      seqs.unshift(...(structuredContent.messages as Json[]).map(({ seq }) => seq as number));
      before = structuredContent.next_before as number | undefined;
    }
    expect(seqs).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);

    const keys: string[] = [];
    for (let cursor: string | undefined = ""; cursor !== undefined;) {
      const listed = await tool(ana, "state_list", { session, limit: 1000, cursor });
      const { entries, next_cursor } = listed["structuredContent"] as Json;
      keys.push(...(entries as Json[]).map(({ key }) => key as string));
      cursor = next_cursor as string | undefined;
    }
    expect(keys).toEqual(["k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8"]);

    const read: number[] = [];
    let uri: string | undefined = `holdfast://sessions/${session}/history`;
    while (uri !== undefined) {
      const { contents } = await bounded(ana, "resources/read", { uri });
      const page = JSON.parse(contents[0].text as string) as Json;
      read.unshift(...(page["messages"] as Json[]).map(({ seq }) => seq as number));
      uri = page["next"] as string | undefined;
    }
    expect(read).toEqual(seqs);

    const prompt = { name: "continue_conversation", arguments: { session } };
    expect(JSON.stringify(await bounded(ana, "prompts/get", prompt))).toContain("Older messages");
    const { text } = (await tool(ana, "fetch", { id: `${session}#1` }))["structuredContent"];
    expect(text).toMatch(/^#1 user: 1 x/);
  });
});

it("a message that is larger than a page is a page", async () => {
  const { person } = await serveWithKeys({ "max-message": "3mb" });
  const ana = await person("ana");
  for (const size of [10, 1_500_000, 10])
    await ana.call("history_append", { role: "user", content: "x".repeat(size) });
  const sizes = async (before: number) =>
    ((await ana.call("history_get", { before })).data["messages"] as Json[]).map(
      ({ content }) => (content as string).length,
    );
  expect(await sizes(4)).toEqual([10]);
  expect(await sizes(3)).toEqual([1_500_000]);
});

it("a prefix that is longer than any key is refused", async () => {
  const { person } = await serveWithKeys();
  const ana = await person("ana");
  const { isError, says } = await ana.call("state_list", { prefix: "a".repeat(3_000_000) });
  expect([isError, says]).toEqual([true, expect.stringContaining("prefix")]);
});

describe("what is in memory", () => {
  it("is bounded, waits for room, and is never more than half one principal's", async () => {
    const inFlight = new InFlight(100);
    const ana = inFlight.take("ana", 50)!;
    expect(inFlight.take("ana", 1)).toBeUndefined();
    const bob = inFlight.take("bob", 50)!;
    expect(inFlight.take("eve", 1)).toBeUndefined();
    const waiting = inFlight.wait("eve", 10);
    bob();
    bob(); // twice is once
    const eve = (await waiting)!;
    expect(inFlight.bytes).toBe(60);
    ana();
    eve();
    expect(inFlight.bytes).toBe(0);
    expect(inFlight.take("ana", 1_000)).toBeDefined(); // alone
  });

  it("of bodies that are not yet answered is refused beyond max-in-flight", async () => {
    const { person } = await serveWithKeys({ "max-in-flight": "1mb" });
    const ana = await person("ana");
    const append = () => ana.call("history_append", { role: "user", content: LONG });
    const answers = await Promise.all(Array.from({ length: 12 }, append));
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers, messages } of refused) {
      expect(headers.get("retry-after")).toBe("1");
      expect(messages[0]!["error"].message).toContain("the setting max-in-flight");
    }
    expect(answers.some(({ isError }) => !isError)).toBe(true);
    expect((await append()).isError).toBe(false);
    // Reading waits instead.
    const reads = await Promise.all(Array.from({ length: 12 }, () => ana.call("history_get")));
    expect(reads.every(({ status }) => status === 200)).toBe(true);
  });

  it("of an answer that a caller without streams does not read is counted", async () => {
    const large = defineTool({
      ...{ name: "large", description: "For a test.", session: "none" },
      handler: () => "x".repeat(16_000_000),
    });
    const { url } = await serveHere({ tools: [large], config: { "max-in-flight": "1mb" } });
    const client = await introduce(url);
    const body = JSON.stringify(rpc("tools/call", { name: "large" }));
    const headers = {
      ...{ host: new URL(url).host, accept: "application/json" },
      ...{ "content-type": "application/json", "content-length": body.length },
      ...client.headers,
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.write(["POST /mcp HTTP/1.1", ...lines, "", body].join("\r\n"));
    await once(socket, "data");
    socket.pause();
    const padding = "x".repeat(100_000);
    const { status } = await client.post(rpc("tools/call", { name: "no such tool", padding }, 2));
    expect(status).toBe(503);
  });
});
