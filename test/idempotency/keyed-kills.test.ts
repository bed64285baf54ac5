// Calls with a request key, killed after each of their commits: repeated, each gives what the first run did, and has
// changed what it changes once. Change of a change is there as soon as the change is.
import { copyFileSync, existsSync } from "node:fs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { databaseFile } from "../../src/storage/admin.ts";
import { GroupCommit } from "../../src/storage/sqlite/engine/group-commit.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { withKey } from "../support/keyed.ts";
import { callModern, type ModernOptions } from "../support/modern.ts";
import { startServer } from "../support/process.ts";
import { type CallAnswer, codeOf, introduce, read, rpc } from "../support/raw.ts";

const KEY = "k-1";

/** Copies of the folder as it is after each commit until `act` resolves: nothing else can be left by a kill. */
async function afterEachCommit(folder: string, act: () => Promise<unknown>): Promise<string[]> {
  const copies: string[] = [];
  const { flush } = GroupCommit.prototype;
  const spy = vi.spyOn(GroupCommit.prototype, "flush").mockImplementation(function (
    this: GroupCommit,
  ) {
    flush.call(this);
    const copy = temporaryFolder();
    for (const part of ["", "-wal"]) {
      const file = `${databaseFile(folder)}${part}`;
      if (existsSync(file)) copyFileSync(file, `${databaseFile(copy)}${part}`);
    }
    copies.push(copy);
  });
  onTestFinished(() => spy.mockRestore());
  await act();
  spy.mockRestore();
  return copies;
}

/** Serves the copy; the process that had it is dead. */
async function serveAgain(copy: string): Promise<string> {
  const database = openDatabase(copy, { readonly: false });
  database.exec("DELETE FROM instances; DELETE FROM connections");
  database.close();
  return (await serveHere({ folder: copy })).url;
}

interface Case {
  tool: string;
  args?: object;
  /** What is there before. */
  before?: (call: Call) => Promise<unknown>;
  /** What the change leaves, in SQL that gives one number: 1. */
  made: string;
}

type Call = (tool: string, args?: object, options?: ModernOptions) => Promise<CallAnswer>;

const one = (folder: string, sql: string): unknown =>
  openDatabase(folder).prepare(sql).pluck().get();

const CASES: Case[] = [
  {
    tool: "session_open",
    args: { name: "work" },
    made: "SELECT count(*) FROM sessions WHERE name = 'work'",
  },
  {
    tool: "state_set",
    args: { key: "a", value: 1 },
    made: "SELECT coalesce(max(version), 0) FROM session_state",
  },
  {
    tool: "session_fork",
    before: (call) => call("history_append", { role: "user", content: "One" }),
    made: "SELECT count(*) FROM sessions WHERE title LIKE '%(fork)' AND last_active_at > 0",
  },
  {
    tool: "session_share",
    args: { principal: "bob" },
    made: "SELECT count(*) FROM share_offers",
  },
];

describe("a call that is killed after any of its commits and repeated with its key", () => {
  it.each(CASES)("is done once, with one answer: $tool $args", async (what) => {
    const { tool, args = {}, before, made } = what;
    const { url, folder } = await serveHere();
    const { session } = (await callModern(url, "session_open")).data;
    const own = tool === "session_open" ? {} : { session };
    const at =
      (address: string): Call =>
      (name, rest = {}, options) =>
        callModern(address, name, { ...own, ...rest }, options);
    await before?.(at(url));
    let first: CallAnswer | undefined;
    const copies = await afterEachCommit(folder, async () => {
      first = await at(url)(tool, args, withKey(KEY));
    });
    expect(first).toMatchObject({ isError: false });
    expect(copies.length).toBeGreaterThan(2); // the key, the change and its outcome at least
    for (const copy of copies) {
      const wasMade = one(copy, made) === 1;
      const again = await at(await serveAgain(copy))(tool, args, withKey(KEY));
      expect(codeOf(again)).toBeUndefined();
      expect(one(copy, made)).toBe(1);
      expect(one(copy, "SELECT count(*) FROM keyed_call_changes")).toBe(0);
      // A change that was made is the one that the answer tells of.
      if (wasMade) expect(withoutTimes(again.data)).toEqual(withoutTimes(first!.data));
    }
  });
});

const withoutTimes = (data: object): object =>
  JSON.parse(
    JSON.stringify(data, (key, value: unknown) => (key.endsWith("_at") ? "" : value)),
  ) as object;

describe("news of a change", () => {
  const NEWS = `SELECT (SELECT count(*) FROM outbox WHERE data LIKE '%/updated%')
    + (SELECT count(*) FROM stream_events WHERE data LIKE '%/updated%')`;

  it.each(CASES.filter(({ tool }) => /set|fork/.test(tool)))(
    "is stored with it: $tool $args",
    async ({ tool, args = {}, before, made }) => {
      const { url, folder } = await serveHere();
      const { session } = (await callModern(url, "session_open")).data;
      const listener = await introduce(url);
      for (const uri of ["holdfast://sessions", `holdfast://sessions/${session as string}`])
        await read(await listener.post(rpc("resources/subscribe", { uri }, listener.nextId())));
      const own = tool === "session_open" ? {} : { session };
      await before?.((name, rest) => callModern(url, name, { ...own, ...rest }));
      const earlier = one(folder, NEWS) as number;
      const copies = await afterEachCommit(folder, () =>
        callModern(url, tool, { ...own, ...args }),
      );
      for (const copy of copies)
        if (one(copy, made) === 1) expect(one(copy, NEWS)).toBeGreaterThan(earlier);
      expect(one(folder, made)).toBe(1);
    },
  );
});

it("sessions that are opened under SIGKILL are opened once each, and each call gets its session", async () => {
  const folder = temporaryFolder();
  const opened = new Map<string, unknown>();
  const keys = Array.from({ length: 60 }, (_, n) => `k-${n}`);
  const open = async (url: string, key: string): Promise<void> => {
    const { data } = await callModern(url, "session_open", {}, withKey(key));
    const { session } = data;
    expect(opened.get(key) ?? session).toBe(session);
    opened.set(key, session);
  };
  for (let round = 0; round < 3; round += 1) {
    const server = await startServer({ folder });
    const calls = keys.map((key) => open(server.url, key).catch((error: unknown) => error));
    if (round < 2) {
      await Promise.race(calls);
      await server.kill();
    }
    const ends = await Promise.all(calls);
    if (round === 2) expect(ends).toEqual(keys.map(() => undefined));
  }
  expect(new Set(opened.values()).size).toBe(keys.length);
  expect(one(folder, "SELECT count(*) FROM sessions")).toBe(keys.length);
});
