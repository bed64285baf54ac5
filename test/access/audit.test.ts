// The audit: who did what, when, to what; in a table that people can read, and without what was said.
import { describe, expect, it } from "vitest";
import { command } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ERAS, introduceWithKey, type Person, serveWithKeys } from "../support/people.ts";
import { rows } from "../support/rows.ts";

/** The newest entries about something, oldest first, without their times. */
const about = (folder: string, subject: string): string[] =>
  rows(folder, "SELECT * FROM audit ORDER BY id")
    .filter((entry) => entry["subject"] === subject)
    .map(({ principal, action, detail }) => [principal, action, detail ?? "-"].join(" | "));

const open = async (person: Person, args: object = {}): Promise<string> =>
  (await person.call("session_open", args)).data["session"] as string;

describe.each(ERAS)("in the era of %s", (era) => {
  it("what is done to a session is noted with who and what, in order, and stays when it is gone", async () => {
    const { folder, person } = await serveWithKeys();
    const [ana, will] = [await person("ana", era), await person("will", era)];
    const session = await open(ana, { name: "work" });
    await ana.call("session_share", { session, principal: "will", access: "write" });
    await will.call("session_accept", { session });
    await ana.call("session_share", { session, principal: "rita" });
    await will.call("session_clear", { session, what: "state" });
    await ana.call("session_unshare", { session, principal: "will" });
    await ana.call("session_clear", { session });
    await ana.call("session_delete", { session });
    expect(rows(folder, "SELECT id FROM sessions")).toEqual([]);
    expect(about(folder, session)).toEqual([
      "ana | session created | -",
      "ana | session shared | write for will",
      "will | session accepted | write of ana",
      "ana | session shared | read for rita",
      "will | session cleared | state",
      "ana | session unshared | will",
      "ana | session cleared | all",
      "ana | session deleted | -",
    ]);
  });

  it("of many shares at once those that were refused leave no entry, and of two deletions one", async () => {
    const { folder, person } = await serveWithKeys();
    const ana = await person("ana", era);
    const session = await open(ana);
    const names = Array.from({ length: 105 }, (_, n) => `p${n}`);
    const shares = await Promise.all(
      names.map((principal) => ana.call("session_share", { session, principal })),
    );
    const granted = shares.filter(({ isError }) => !isError).length;
    expect(granted).toBeLessThan(105);
    await Promise.all([
      ana.call("session_delete", { session }),
      ana.call("session_delete", { session }),
    ]);
    const entries = about(folder, session);
    expect(entries.filter((entry) => entry.includes("shared"))).toHaveLength(granted);
    expect(entries.filter((entry) => entry.includes("deleted"))).toHaveLength(1);
  });

  it("the operator's doings are under the operator's name", async () => {
    const { folder, person } = await serveWithKeys();
    const session = await open(await person("ana", era));
    await (await person("root", era, "admin")).call("session_delete", { session });
    expect(about(folder, session).at(-1)).toBe("root | session deleted | -");
  });

  it("what was refused, or changed nothing, is not noted as done", async () => {
    const { folder, person } = await serveWithKeys();
    const [ana, sven, rita] = [
      await person("ana", era),
      await person("sven", era),
      await person("rita", era),
    ];
    const session = await open(ana, { name: "work" });
    await ana.call("session_share", { session, principal: "rita" });
    await rita.call("session_accept", { session });
    const before = rows(folder, "SELECT * FROM audit");
    await open(ana, { name: "work" }); // it is there
    for (const other of [sven, rita]) {
      await other.call("session_share", { session, principal: "sven" });
      await other.call("session_unshare", { session, principal: "rita" });
      await other.call("session_clear", { session });
      await other.call("session_delete", { session });
    }
    await ana.call("session_unshare", { session, principal: "x".repeat(100_000) });
    await ana.call("session_share", { session, principal: "x".repeat(100_000) });
    await ana.call("session_share", { session, principal: "ana" });
    expect(rows(folder, "SELECT * FROM audit")).toEqual(before);
  });
});

it("sessions that come into being by use are noted like others, once", async () => {
  const { url, folder, key, person } = await serveWithKeys();
  const ana = await person("ana", "2025");
  for (let n = 0; n < 2; n += 1) await ana.call("state_set", { key: "k", value: n });
  expect(about(folder, await ana.client!.session())).toEqual(["ana | session created | -"]);
  const appended = await (
    await person("ana")
  ).call("history_append", { role: "user", content: "x" });
  const named = await ana.at("name=work").call("state_set", { key: "k", value: 1 });
  for (const { data } of [appended, named])
    expect(about(folder, data["session"])).toEqual(["ana | session created | -"]);
  const before = rows(folder, "SELECT * FROM audit").length;
  await introduceWithKey(url, await key("ana")); // an introduction alone is no session
  expect(rows(folder, "SELECT * FROM audit")).toHaveLength(before + 1); // the key's
});

it("nothing that was said, stored or secret is in it", async () => {
  const { folder, person, key } = await serveWithKeys();
  const ana = await person("ana");
  const secret = "A secret of Ana's";
  const session = await open(ana, { name: secret, title: secret, system: secret });
  await ana.call("session_update", { session, title: `${secret} too` });
  await ana.call("state_set", { session, key: secret, value: secret });
  await ana.call("history_append", { session, role: "user", content: secret });
  await ana.call("chat", { session, prompt: secret });
  await ana.call("session_share", { session, principal: "will" });
  await ana.call("session_clear", { session });
  await ana.call("session_delete", { session });
  const noted = JSON.stringify(rows(folder, "SELECT * FROM audit"));
  expect(noted).toContain(session);
  expect(noted).not.toContain(secret);
  for (const text of [ana.key!, await key("zoe")]) {
    const [, id, ...rest] = text.split("_");
    expect(JSON.stringify(rows(folder, "SELECT * FROM audit"))).toContain(id);
    expect(noted).not.toContain(rest.join("_"));
  }
});

it("is a view that people can read, the newest first, with times", async () => {
  const { folder, person } = await serveWithKeys();
  const before = Date.now();
  const session = await open(await person("ana"));
  const [last, ...earlier] = rows(folder, "SELECT * FROM audit_overview");
  expect(last).toEqual({
    ...{ principal: "ana", action: "session created", subject: session, detail: null },
    time: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
  });
  const at = Date.parse(`${last!["time"] as string}Z`);
  expect(at).toBeGreaterThan(before - 1_000);
  expect(at).toBeLessThanOrEqual(Date.now());
  expect(earlier.map(({ action, detail }) => [action, detail])).toEqual([
    ["key created", "write for ana"],
    ["key created", "admin for the operator"],
  ]);
});

it("keys that are made and revoked on the command line are noted, a second revocation is not", async () => {
  const folder = temporaryFolder();
  const keys = (...args: string[]) => command(["keys", ...args, "--data-dir", folder]);
  const created = await keys("create", "--principal", "ana", "--scopes", "read", "--json");
  const { id, key } = JSON.parse(created.stdout) as { id: string; key: string };
  expect(about(folder, id)).toEqual(["local | key created | read for ana"]);
  expect((await keys("revoke", id)).code).toBe(0);
  expect((await keys("revoke", id)).code).not.toBe(0);
  const both = ["local | key created | read for ana", "local | key revoked | -"];
  expect(about(folder, id)).toEqual(both);
  expect(JSON.stringify(rows(folder, "SELECT * FROM audit"))).not.toContain(
    key.slice(`hf_${id}_`.length),
  );
});
