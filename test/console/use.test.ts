// Changing a conversation in the console is a use of it, so that it does not expire; looking at it is none.
import { expect, it } from "vitest";
import { serveAtTime } from "../support/here.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { speak } from "../support/people.ts";
import { browserAt } from "../support/plain-browser.ts";
import { rows } from "../support/rows.ts";

const MINUTE_MS = 60_000;

async function served() {
  const clock = new ManualClock();
  const { url, folder } = await serveAtTime(clock, { "max-age": "1h", "cleanup-interval": "1s" });
  const person = (await speak(url, "2026", undefined)).at("name=garden");
  for (const content of ["Beans?", "Peas?", "Leeks?"])
    await person.call("history_append", { role: "user", content });
  await person.call("state_set", { key: "bed", value: 3 });
  const id = String((await person.call("session_info")).data.session);
  const lastUse = () => rows(folder, "SELECT last_active_at FROM sessions WHERE name = 'garden'");
  return { clock, browser: browserAt(url), one: `/console/sessions/${id}`, id, lastUse };
}

it("keeps a conversation whose changes come from the console alone", async () => {
  const { clock, browser, one, id, lastUse } = await served();
  const list = "/console/sessions";
  for (const [path, fields] of [
    [`${one}/ask`, { prompt: "When do I sow them?" }],
    [`${one}/state`, { key: "rows", value: "[4]", version: "0" }],
    [`${one}/state`, { key: "bed", version: "1", do: "delete" }],
    [`${one}/rename`, { title: "Beans", name: "garden", system: "" }],
    [`${one}/share`, { principal: "bob", access: "read" }],
    [`${one}/unshare`, { principal: "bob" }],
    [`${one}/messages/2/delete`, {}],
    [`${one}/fork`, { upto: "1" }],
    [list, { do: "pin", id }],
    [list, { do: "unpin", id }],
    [`${one}/pin`, { pinned: "no" }],
    [`${one}/clear`, { what: "state" }],
  ] as const) {
    clock.advance(40 * MINUTE_MS);
    expect([path, (await browser.send(one, path, fields)).status]).toEqual([path, 303]);
    const seen = () => [path, lastUse()];
    await expect.poll(seen).toEqual([path, [{ last_active_at: clock.now() }]]);
  }
});

it("does not prolong a conversation by looking at it", async () => {
  const { clock, browser, one, lastUse } = await served();
  const before = lastUse();
  clock.advance(40 * MINUTE_MS);
  for (const path of [
    ...[one, `${one}/since/2`, `${one}/export`, "/console/sessions"],
    `/console/search?q=beans&session=${one.split("/").at(-1)}`,
  ])
    expect([path, (await browser.get(path)).status]).toEqual([path, 200]);
  expect(lastUse()).toEqual(before);
  clock.advance(20 * MINUTE_MS + 1);
  expect((await browser.get(one)).status).toBe(404);
});
