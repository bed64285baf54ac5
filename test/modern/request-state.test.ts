// `requestState`: what a caller carries from round to round opens only what was sealed, for the one who asked, for a while.
import { inputRequired } from "@modelcontextprotocol/server";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { definePrompt, defineTool } from "../../src/index.ts";
import { type Asked, RequestStates } from "../../src/protocol/request-state.ts";
import { SigningKeys } from "../../src/protocol/signing-keys.ts";
import { openStorage } from "../../src/storage/open.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { askModern } from "../support/modern.ts";
import type { Answer, Json } from "../support/raw.ts";
import { rows } from "../support/rows.ts";
import { runs } from "../support/runs.ts";

const DAY_MS = 24 * 3_600_000;
const ASKED: Asked = {
  principal: { id: "ana" },
  method: "tools/call",
  name: "plan",
  args: { who: "x", deep: [1, { a: null }] },
  place: {},
};

/** A sealer on a database of its own; `states` again is what another process of the same folder has. */
async function sealer() {
  const folder = temporaryFolder();
  const clock = new ManualClock();
  const storage = await openStorage({
    folder,
    durability: "normal",
    clock,
    expiry: { maxAgeMs: Infinity },
  });
  onTestFinished(() => storage.close());
  const another = () => new RequestStates(new SigningKeys(storage.signingKeys, clock));
  return { folder, clock, states: another(), another };
}

const refusal = {
  code: "invalid_params",
  message: expect.stringContaining("start the request anew"),
};

describe("a sealed state", () => {
  it("opens with what was sealed, whatever it is, in any process of the folder", async () => {
    const { states, another } = await sealer();
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), async (args, state) => {
        const sealed = await states.seal({ ...ASKED, args }, state);
        const opened = await another().open({ ...ASKED, args }, sealed);
        expect(opened.state).toEqual(JSON.parse(JSON.stringify(state)));
      }),
      { numRuns: runs(50) },
    );
  });

  it.each<[string, Partial<Asked>]>([
    ["another principal", { principal: { id: "ben" } }],
    ["another method", { method: "prompts/get" }],
    ["another tool", { name: "plan2" }],
    ["other arguments", { args: { who: "y", deep: [1, { a: null }] } }],
    ["more arguments", { args: { ...(ASKED.args as object), more: 1 } }],
    ["no arguments", { args: undefined }],
    ["another address", { place: { target: { name: "work" } } }],
    ["another session of the client's own", { place: { own: "one" } }],
  ])("does not open for %s", async (_, other) => {
    const { states } = await sealer();
    const sealed = await states.seal(ASKED, "state");
    await expect(states.open({ ...ASKED, ...other }, sealed)).rejects.toMatchObject(refusal);
    expect(await states.open(ASKED, sealed)).toMatchObject({ state: "state" });
  });

  it("does not open when any character of it is changed, or it is cut or grown", async () => {
    const { states } = await sealer();
    const sealed = await states.seal(ASKED, { city: "Ostend" });
    const at = fc.nat({ max: sealed.length - 1 });
    const forged = fc.oneof(
      // The last character of base64 may have bits without a meaning.
      fc
        .tuple(at, fc.constantFrom(..."AZaz09-_."))
        .map(([i, char]) => sealed.slice(0, i) + char + sealed.slice(i + 1))
        .filter((text) => text.slice(0, -1) !== sealed.slice(0, -1)),
      at.map((i) => sealed.slice(0, i)),
      fc.string({ minLength: 1 }).map((more) => `${sealed}.${more}`),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(forged, async (text) => {
        await expect(states.open(ASKED, text)).rejects.toMatchObject(refusal);
      }),
      { numRuns: runs(200) },
    );
  });

  it("opens for the same arguments in another order", async () => {
    const { states } = await sealer();
    const sealed = await states.seal(ASKED, "state");
    const args = { deep: [1, { a: null }], who: "x" };
    expect(await states.open({ ...ASKED, args }, sealed)).toMatchObject({ state: "state" });
  });

  it("of another folder does not open", async () => {
    const sealed = await (await sealer()).states.seal(ASKED, "state");
    await expect((await sealer()).states.open(ASKED, sealed)).rejects.toMatchObject(refusal);
  });
});

describe("as time goes by", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1) }));
  afterEach(() => void vi.useRealTimers());

  it("a sealed state opens for an hour", async () => {
    const { states } = await sealer();
    const sealed = await states.seal(ASKED, "state");
    vi.advanceTimersByTime(59 * 60_000);
    expect(await states.open(ASKED, sealed)).toMatchObject({ state: "state" });
    vi.advanceTimersByTime(2 * 60_000);
    await expect(states.open(ASKED, sealed)).rejects.toMatchObject(refusal);
  });

  it("a new key seals after thirty days; the old one opens for as long again, then it is gone", async () => {
    const { states, clock, folder, another } = await sealer();
    const keys = () => rows(folder, "SELECT secret FROM signing_keys ORDER BY id").length;
    const old = await states.seal(ASKED, "old");
    clock.advance(29 * DAY_MS);
    await states.seal(ASKED, "same key");
    expect(keys()).toBe(1);
    clock.advance(2 * DAY_MS);
    const [fresh] = await Promise.all([1, 2, 3].map(() => another().seal(ASKED, "new")));
    expect(keys()).toBe(2);
    expect(await states.open(ASKED, old)).toMatchObject({ state: "old" });
    expect(await states.open(ASKED, fresh!)).toMatchObject({ state: "new" });
    clock.advance(30 * DAY_MS);
    await expect(states.open(ASKED, old)).rejects.toMatchObject(refusal);
    expect(await states.open(ASKED, fresh!)).toMatchObject({ state: "new" });
    expect(keys()).toBe(2); // the first is deleted, and there is a third
  });
});

describe("over HTTP", () => {
  /** Two tools and two prompts that ask once, and how often they ran. */
  const asking = () => {
    const runs: string[] = [];
    const ask = (name: string) => {
      runs.push(name);
      const requestedSchema = { type: "object" as const, properties: {} };
      const form = inputRequired.elicit({ message: "?", requestedSchema });
      return inputRequired({ inputRequests: { form }, requestState: "mine" });
    };
    const tool = (name: string) =>
      defineTool({
        name,
        description: "Asks.",
        input: z.looseObject({}),
        session: "created",
        handler: () => ask(name),
      });
    const prompt = (name: string) => definePrompt({ name, handler: () => ask(name) });
    return { runs, tools: [tool("one"), tool("two")], prompts: [prompt("one"), prompt("two")] };
  };
  const CAPABILITIES = { capabilities: { elicitation: { form: {} } } };
  const asks = (url: string, method: string, params: Json): Promise<Answer> =>
    askModern(url, method, params, { ...CAPABILITIES, id: "r" });

  it.each(["tools/call", "prompts/get"])(
    "a wrong one is an error of a %s, which does not run",
    async (method) => {
      const { runs, ...parts } = asking();
      const here = await serveHere(parts);
      const params = { name: "one", arguments: { a: "1", b: "2" } };
      const first = await asks(here.url, method, params);
      const { requestState } = first.messages[0]!["result"] as { requestState: string };
      const stored = rows(here.folder, "SELECT * FROM sessions");
      const inputResponses = { form: { action: "accept", content: {} } };
      const middle = requestState.length >> 1;
      const changed = requestState[middle] === "A" ? "B" : "A";
      const wrong: Json[] = [
        {
          ...params,
          requestState: requestState.slice(0, middle) + changed + requestState.slice(middle + 1),
        },
        { ...params, requestState: "" },
        { ...params, requestState: "mine" },
        { ...params, requestState, name: "two" },
        { ...params, requestState, arguments: { a: "1", b: "3" } },
        { ...params, requestState, arguments: {} },
        { ...params, requestState: 7 },
      ];
      for (const round of wrong) {
        const answer = await asks(here.url, method, { ...round, inputResponses });
        expect(answer.messages).toMatchObject([{ id: "r", error: { code: -32602 } }]);
      }
      const other = method === "tools/call" ? "prompts/get" : "tools/call";
      const crossed = await asks(here.url, other, { ...params, requestState, inputResponses });
      expect(crossed.messages).toMatchObject([{ error: { code: -32602 } }]);
      expect(runs).toEqual(["one"]);
      expect(rows(here.folder, "SELECT * FROM sessions")).toEqual(stored);
      // The right one still goes on.
      const next = await asks(here.url, method, { ...params, requestState, inputResponses });
      expect(next.messages).toMatchObject([{ result: { resultType: "input_required" } }]);
      expect(runs).toEqual(["one", "one"]);
    },
  );
});
