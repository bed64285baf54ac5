// Temporary sessions: gone with the program that opened them, or soon after their last use; pinning keeps them.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { gate } from "../support/here.ts";
import { ERAS, type Person, serveWithKeys } from "../support/people.ts";
import { rows } from "../support/rows.ts";

const WAIT = { timeout: 60_000 };

const open = async (person: Person, args: object = { temporary: true }) =>
  (await person.call("session_open", args)).data;

const exists = async (person: Person, session: unknown): Promise<boolean> =>
  !(await person.call("session_info", { session })).isError;

describe.each(ERAS)("a temporary session in the era of %s", (era) => {
  it("tells when it goes, is gone by then, and is then deleted; others stay", async () => {
    const settings = { "temporary-age": "2s", "cleanup-interval": "200ms" };
    const { person, folder } = await serveWithKeys(settings);
    const ana = await person("ana", era);
    const [brief, pinned, usual] = [await open(ana), await open(ana), await open(ana, {})];
    const { session } = brief;
    await ana.call("state_set", { session, key: "k", value: 1 });
    await ana.call("session_update", { session: pinned["session"], pinned: true });
    const lives = Date.parse(brief["expires_at"]) - Date.parse(brief["last_active_at"]);
    expect(lives).toBe(2_000);
    expect(await exists(ana, session)).toBe(true);
    const left = () => rows(folder, "SELECT id FROM sessions").map(({ id }) => id);
    await expect.poll(left, WAIT).not.toContain(session);
    expect(await exists(ana, session)).toBe(false);
    expect(left()).toEqual(expect.arrayContaining([pinned["session"], usual["session"]]));
    expect((await ana.call("session_info", { session: pinned["session"] })).data).toMatchObject({
      expires_at: null,
    });
    expect(rows(folder, "SELECT * FROM session_state")).toEqual([]);
  });

  it("lives on while it is used", async () => {
    const { person } = await serveWithKeys({ "temporary-age": "5s" });
    const ana = await person("ana", era);
    const { session } = await open(ana);
    for (const end = Date.now() + 7_000; Date.now() < end;) {
      expect((await ana.call("state_set", { session, key: "k", value: 1 })).isError).toBe(false);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  });

  it("stays while a call runs in it, however long, and a while longer", async () => {
    const [begun, ending] = [gate(), gate()];
    const slow = defineTool({
      name: "slow",
      description: "Stores something when it is told to.",
      input: z.object({}),
      async handler({ session }) {
        begun.open();
        await ending.wait;
        await session.state.set("done", true);
        return "done";
      },
    });
    const settings = { "temporary-age": "1s", "cleanup-interval": "100ms" };
    const { person, folder } = await serveWithKeys(settings, { tools: [slow] });
    const ana = await person("ana", era);
    const { session } = await open(ana);
    const running = ana.call("slow", { session });
    await begun.wait;
    const later = [(await open(ana))["session"]];
    const left = () => rows(folder, "SELECT id FROM sessions").map(({ id }) => id);
    await expect.poll(left, WAIT).not.toContain(later[0]);
    later.push((await open(ana))["session"]);
    await expect.poll(left, WAIT).not.toContain(later[1]);
    ending.open();
    expect(await running).toMatchObject({ isError: false, says: "done" });
    expect((await ana.call("state_get", { session, key: "done" })).data["value"]).toBe(true);
    await expect.poll(left, WAIT).not.toContain(session);
  });

  it("is not older than the maximum age either", async () => {
    const { person } = await serveWithKeys({ "max-age": "60s", "temporary-age": "never" });
    const brief = await open(await person("ana", era));
    expect(Date.parse(brief["expires_at"]) - Date.parse(brief["last_active_at"])).toBe(60_000);
  });
});

it("goes when its client ends, unless it is pinned; what another client opened stays", async () => {
  const { person } = await serveWithKeys();
  const [ana, other] = [await person("ana", "2025"), await person("ana", "2025")];
  const [brief, pinned, usual] = [await open(ana), await open(ana), await open(ana, {})];
  const others = await open(other);
  await ana.call("session_update", { session: pinned["session"], pinned: true });
  expect((await ana.client!.end()).status).toBe(200);
  expect(await exists(other, brief["session"])).toBe(false);
  for (const { session } of [pinned, usual, others])
    expect(await exists(other, session)).toBe(true);
});
