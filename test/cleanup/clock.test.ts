// A clock that is set, wrong for a moment, or goes on while nobody is there makes nothing old at once: age is counted in
// time that was seen to pass.
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type Jump, jumpText, TrustedTime } from "../../src/jobs/trusted-time.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { newId } from "../../src/lib/ids.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { ANA, newClient, newConnection, newInstance, newSession } from "../contract/engine.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ManualClock } from "../support/manual-clock.ts";

const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];
const YEAR = 365 * DAY;
const INTERVAL = 10 * MINUTE;

/** A folder whose sessions and programs are kept for 30 days, and its one process. */
async function openFolder(clock = new ManualClock()) {
  const folder = temporaryFolder();
  const jumps: Jump[] = [];
  const open = async (): Promise<Storage> => {
    const storage = await openStorage({
      ...{ folder, durability: "normal", clock, expiry: { maxAgeMs: 30 * DAY } },
      onJump: (jump) => jumps.push(jump),
    });
    let closed: Promise<void> | undefined;
    const close = () => (closed ??= storage.close());
    onTestFinished(close);
    return { ...storage, close };
  };
  const opened = { clock, storage: await open() };
  return {
    ...{ folder, clock, jumps, opened },
    async restart() {
      await opened.storage.close();
      opened.storage = await open();
    },
    /** One run of the job. */
    async cleanup(): Promise<void> {
      const { storage } = opened;
      await storage.cutoffs.settle(INTERVAL, { dryRun: false });
      const { sessions, clients, state, streams, keyedCalls, audit } = storage;
      for (const kind of [sessions, clients, state, streams, keyedCalls, audit])
        await kind.deleteExpired();
    },
    /** What somebody has just used, and whether it is there to be found. */
    async used() {
      const { storage } = opened;
      const session = await newSession(storage);
      const client = await newClient(opened, { presentUntil: 0, createdAt: clock.now() - 1 });
      const { id } = await storage.streams.openStandalone(client.id);
      const call = { owner: ANA, scope: "", key: newId(), request: "r" };
      const run = { instanceId: await newInstance(opened), newSessionId: newId(), max: 9 };
      const begun = await storage.keyedCalls.begin(call, run);
      if (begun.kind === "started")
        await storage.keyedCalls.finish(begun.id, run.instanceId, "outcome");
      const { session: brief } = await storage.sessions.create({
        ...{ id: newId(), owner: ANA, keepMs: HOUR },
      });
      return async () => {
        const { sessions, clients, streams, keyedCalls } = opened.storage;
        const there = {
          session: (await sessions.findById(session.id)) !== undefined,
          client: (await clients.find(ANA, client.id)) !== undefined,
          stream: (await streams.find(client.id, id)) !== undefined,
          outcome: (await keyedCalls.begin(call, run)).kind === "done",
          temporary: (await sessions.findById(brief.id)) !== undefined,
        };
        return Object.entries(there).flatMap(([name, isThere]) => (isThere ? [name] : []));
      };
    },
  };
}

const ALL = ["session", "client", "stream", "outcome", "temporary"];

it("a clock that is set a year ahead makes nothing older: each kind has its whole age from then on", async () => {
  const { clock, opened, cleanup, used, jumps } = await openFolder();
  await cleanup();
  const left = await used();
  clock.jump(YEAR);
  expect(await left()).toEqual(ALL);
  await cleanup();
  clock.advance(INTERVAL - SECOND);
  await cleanup();
  expect(await left()).toEqual(ALL);
  expect(jumps).toEqual([{ ms: YEAR, asleep: false }]);

  clock.advance(HOUR);
  const after = await newSession(opened.storage);
  await cleanup();
  expect(await left()).toEqual(["session", "client", "outcome"]);
  clock.advance(DAY);
  await cleanup();
  expect(await left()).toEqual(["session", "client"]);
  clock.advance(29 * DAY - 2 * HOUR);
  await cleanup();
  expect(await left()).toEqual(["session", "client"]);
  expect(await opened.storage.cutoffs.waiting()).toMatchObject({ sessions: 1 });
  clock.advance(HOUR);
  await cleanup();
  expect(await left()).toEqual([]);
  expect(await opened.storage.sessions.findById(after.id)).toBeDefined();
  clock.advance(HOUR);
  await cleanup();
  expect(await opened.storage.sessions.findById(after.id)).toBeUndefined();
});

it("what was used before the clock was set is kept over restarts and by other processes", async () => {
  const { clock, cleanup, used, restart } = await openFolder();
  await cleanup();
  const left = await used();
  clock.jump(YEAR);
  await cleanup();
  for (let n = 0; n < 5; n += 1) {
    clock.advance(5 * DAY);
    await restart();
    await cleanup();
    expect((await left()).slice(0, 2)).toEqual(["session", "client"]);
  }
  clock.advance(5 * DAY);
  await cleanup();
  expect(await left()).toEqual([]);
});

it.each(["set", "asleep"])(
  "the process that is started after a jump (%s) knows of it, and so does the next",
  async (how) => {
    const { clock, cleanup, used, restart } = await openFolder();
    await cleanup();
    const left = await used();
    if (how === "set") clock.jump(YEAR);
    else clock.sleep(29 * DAY);
    for (let n = 0; n < 3; n += 1) {
      await cleanup();
      await restart();
      clock.advance(3 * MINUTE);
      await cleanup();
      expect(await left()).toEqual(ALL);
    }
    clock.advance(HOUR);
    await cleanup();
    expect(await left()).toEqual(["session", "client", "outcome"]);
  },
);

it.each([YEAR, -YEAR, -56 * YEAR])(
  "one wrong reading, by %d ms, does nothing at all",
  async (ms) => {
    const { clock, cleanup, used } = await openFolder();
    await cleanup();
    const left = await used();
    clock.jump(ms);
    await cleanup();
    expect(await left()).toEqual(ALL);
    clock.jump(-ms);
    await cleanup();
    expect(await left()).toEqual(ALL);
    clock.advance(30 * DAY - SECOND);
    await cleanup();
    expect(await left()).toEqual(["session", "client"]);
    clock.advance(MINUTE);
    await cleanup();
    expect(await left()).toEqual([]);
  },
);

it("a machine that slept for 31 days finds all as it was, and what is due goes an interval later", async () => {
  const { clock, cleanup, used, jumps } = await openFolder();
  await cleanup();
  const left = await used();
  clock.sleep(31 * DAY);
  await cleanup();
  expect(await left()).toEqual(ALL);
  expect(jumps).toEqual([{ ms: 31 * DAY, asleep: true }]);
  clock.advance(INTERVAL - SECOND);
  await cleanup();
  expect(await left()).toEqual(ALL);
  clock.advance(SECOND);
  await cleanup();
  expect(await left()).not.toContain("session");
});

it("after 31 days without a process all is as it was at first, too", async () => {
  const { clock, cleanup, used, restart } = await openFolder();
  await cleanup();
  const left = await used();
  clock.jump(31 * DAY);
  await restart();
  await cleanup();
  expect(await left()).toEqual(ALL);
  clock.advance(INTERVAL);
  await cleanup();
  expect(await left()).not.toContain("session");
});

it("a clock that was not set for a while, and is set ahead then, makes nothing older", async () => {
  const { clock, cleanup, used, jumps } = await openFolder();
  await cleanup();
  const before = await used();
  clock.jump(-56 * YEAR);
  await cleanup();
  const meanwhile = await used();
  clock.advance(MINUTE);
  clock.jump(56 * YEAR + 31 * DAY);
  for (let n = 0; n < 3; n += 1) {
    expect(await before()).toEqual(ALL);
    expect(await meanwhile()).toEqual(ALL);
    await cleanup();
    clock.advance(MINUTE);
  }
  clock.advance(29 * DAY);
  await cleanup();
  expect(await before()).toEqual(["session", "client"]);
  expect(jumps.map(({ ms }) => Math.round(ms / DAY))).toEqual([-56 * 365, 31]);
});

describe("a machine that begins in 1970", () => {
  it("deletes nothing, and nothing when it is put right, in a folder that is known", async () => {
    const { clock, cleanup, used, restart } = await openFolder();
    await cleanup();
    const left = await used();
    clock.jump(-56 * YEAR);
    await restart();
    await cleanup();
    const meanwhile = await used();
    clock.advance(MINUTE);
    expect(await meanwhile()).toEqual(ALL);
    clock.jump(56 * YEAR);
    expect((await left()).slice(0, 2)).toEqual(["session", "client"]); // and the clock is read
    expect((await meanwhile()).slice(0, 2)).toEqual(["session", "client"]);
    await cleanup();
    for (const found of [left, meanwhile])
      expect((await found()).slice(0, 2)).toEqual(ALL.slice(0, 2));
    clock.advance(29 * DAY);
    await cleanup();
    expect((await meanwhile()).slice(0, 2)).toEqual(["session", "client"]);
  });

  it("knows nobody's age of what was made then, in a new folder, also after a restart", async () => {
    const { clock, cleanup, used, restart } = await openFolder(new ManualClock(MINUTE));
    await cleanup();
    const left = await used();
    clock.jump(56 * YEAR);
    await restart();
    await cleanup();
    clock.advance(INTERVAL);
    await cleanup();
    expect((await left()).slice(0, 2)).toEqual(["session", "client"]);
    clock.advance(30 * DAY);
    await cleanup();
    expect(await left()).toEqual([]);
  });
});

it("a client with a connection, and its session, outlive every clock", async () => {
  const { clock, cleanup, opened } = await openFolder();
  const { id } = await newSession(opened.storage);
  const instanceId = await newInstance(opened);
  const client = await newConnection(opened, instanceId, { sessionId: id });
  for (const ms of [YEAR, -YEAR, 56 * YEAR, -50 * YEAR]) {
    clock.jump(ms);
    await cleanup();
    clock.advance(40 * DAY);
    await cleanup();
    expect(await opened.storage.sessions.findById(id)).toBeDefined();
    expect(await opened.storage.clients.find(ANA, client.id)).toBeDefined();
  }
});

it.each(["set", "slept"])(
  "a client that was connected when the clock was %s, and its session, are as old when it has left",
  async (how) => {
    const { clock, cleanup, opened } = await openFolder();
    await cleanup();
    const { id } = await newSession(opened.storage);
    const instanceId = await newInstance(opened);
    const client = await newConnection(opened, instanceId, { sessionId: id, presentUntil: 0 });
    if (how === "set") clock.jump(YEAR);
    else clock.sleep(31 * DAY);
    await cleanup();
    expect(await opened.storage.cutoffs.waiting()).toBeUndefined(); // nobody need be told
    await opened.storage.clients.changeConnections(instanceId, { added: [], removed: [client.id] });
    await cleanup();
    expect(await opened.storage.sessions.findById(id)).toBeDefined();
    expect(await opened.storage.clients.find(ANA, client.id)).toBeDefined();
  },
);

describe("the time that is trusted", () => {
  it("follows a clock that is put right by a little, however often", () => {
    const clock = new ManualClock();
    const jumps: Jump[] = [];
    const time = new TrustedTime(clock, undefined, (jump) => jumps.push(jump));
    for (let n = 0; n < 1_000; n += 1) {
      clock.advance(MINUTE);
      clock.jump(n % 3 === 0 ? -SECOND : SECOND);
      expect(time.ago(HOUR)).toBe(clock.now() - HOUR);
    }
    expect(jumps).toEqual([]);
  });

  it("tells a sleep within a setting of the clock", () => {
    const clock = new ManualClock();
    const jumps: Jump[] = [];
    const time = new TrustedTime(clock, undefined, (jump) => jumps.push(jump));
    clock.sleep(DAY);
    clock.jump(-YEAR);
    time.read();
    expect(jumps).toEqual([
      { ms: DAY, asleep: true },
      { ms: -YEAR, asleep: false },
    ]);
  });

  it("is told in one line each, but for a night's sleep", () => {
    const told = (ms: number, asleep: boolean) => jumpText({ ms, asleep });
    expect(told(YEAR, false)).toMatch(/^The clock went ahead by 365 days: /);
    expect(told(-90 * MINUTE, false)).toMatch(/^The clock went back by 90 minutes: /);
    expect(told(31 * DAY, true)).toMatch(/^31 days have passed unseen, /);
    expect(told(8 * HOUR, true)).toBeUndefined();
  });

  it("of a process that was stopped is a minute", () => {
    const now = vi.spyOn(performance, "now");
    onTestFinished(() => now.mockRestore());
    now.mockReturnValue(1e9);
    systemClock.monotonic();
    const before = systemClock.monotonic();
    now.mockReturnValue(1e9 + 30 * SECOND);
    expect(systemClock.monotonic() - before).toBeCloseTo(30 * SECOND);
    now.mockReturnValue(1e9 + DAY);
    expect(systemClock.monotonic() - before).toBeCloseTo(90 * SECOND);
  });
});
