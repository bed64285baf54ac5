// The contract of TaskStore: a stored task has one run at a time and one end, whatever its processes do.
import { describe, expect, it } from "vitest";
import { inRun } from "../../src/auth/principal.ts";
import { newId } from "../../src/lib/ids.ts";
import { BLANK_SESSION } from "../../src/storage/shared/sessions.ts";
import type { Beginner, Claim, ClaimedTask, NewTask, Step } from "../../src/tasks/store.ts";
import {
  ANA,
  BOB,
  failure,
  MAX_AGE,
  newInstance,
  newSession,
  type Open,
  type Opened,
} from "./engine.ts";

const TTL = 100_000;
const MINE = { tools: ["wait"], running: {}, each: 99 };
const ASK: Step = {
  kind: "ask",
  name: "sure",
  request: '{"method":"x"}',
  result: null,
  failures: 0,
};
const DONE = { status: "completed", result: '{"content":[]}' } as const;

async function setUp(opened: Opened) {
  const { tasks, instances } = opened.storage;
  const [here, there] = [await newInstance(opened), await newInstance(opened)];
  const create = (more: Partial<NewTask> = {}, by: Partial<Beginner> = {}, max = 9) =>
    tasks.create(
      {
        ...{ id: newId(), owner: ANA, sessionId: null, tool: "wait", ttlMs: TTL },
        ...{ arguments: { deep: [1, "ü😀"] }, origin: { scope: null }, ...more },
      },
      { instanceId: here, runs: true, waits: false, ...by },
      max,
    );
  const begin = async (more: Partial<NewTask> = {}, by: Partial<Beginner> = {}) => {
    const made = await create(more, by);
    if (made === "unregistered") throw new Error("The process is unknown.");
    return made;
  };
  /** A task that runs here. */
  const run = async (more: Partial<NewTask> = {}, by: Partial<Beginner> = {}): Promise<Claim> =>
    (await begin(more, by)).claimed!.claim;
  const claim = async (instanceId = there, max = 9): Promise<ClaimedTask[]> => {
    const claimed = await tasks.claim({ ...MINE, instanceId }, max);
    if (claimed === "unregistered") throw new Error("The process is unknown.");
    return claimed;
  };
  const status = async (id: string) => (await tasks.find(id))?.status;
  return {
    ...opened,
    tasks,
    here,
    there,
    create,
    begin,
    run,
    claim,
    status,
    die: (id: string) => instances.remove(id),
  };
}

export function taskContract(open: Open): void {
  describe("a task", () => {
    it("is there, as it was begun, for its owner alone", async () => {
      const { tasks, clock, begin } = await setUp(await open());
      const now = clock.now();
      const { task } = await begin();
      expect(task).toMatchObject({ owner: ANA, tool: "wait", status: "working", attempt: 1 });
      expect(task).toMatchObject({ createdAt: now, updatedAt: now, expiresAt: now + TTL });
      const view = { ...task, arguments: { deep: [1, "ü😀"] }, questions: {} };
      expect(await tasks.find(task.id, ANA)).toEqual(view);
      expect(await tasks.find(task.id)).toEqual(view);
      expect(await tasks.find(task.id, BOB)).toBeUndefined();
      expect(await tasks.answer(task.id, BOB, {})).toBeUndefined();
      expect(await tasks.cancel(task.id, BOB)).toBeUndefined();
    });

    it("is begun once under its id, and anew only when it has failed or was cancelled", async () => {
      const { tasks, begin, run, status } = await setUp(await open());
      const id = newId();
      const claim = await run({ id });
      expect((await begin({ id })).claimed).toBeUndefined();
      await tasks.finish(claim, { status: "failed", error: '{"code":-32603}' });
      const again = await begin({ id });
      expect(again.claimed?.claim).toMatchObject({ id });
      await tasks.finish(again.claimed!.claim, { status: "completed", result: '{"isError":true}' });
      const third = await begin({ id });
      await tasks.finish(third.claimed!.claim, DONE);
      expect(await begin({ id })).toMatchObject({ task: { status: "completed" } });
      expect(await status(id)).toBe("completed");
    });

    it("is begun by a registered process only", async () => {
      const { create, tasks } = await setUp(await open());
      expect(await create({}, { instanceId: "nobody" })).toBe("unregistered");
      expect(await tasks.list({ limit: 9 })).toEqual([]);
      expect(await create({}, { runs: false })).toMatchObject({ task: { attempt: 0 } });
      expect(await tasks.claim({ ...MINE, instanceId: "nobody" }, 9)).toBe("unregistered");
    });

    it("has a limit of open ones for each owner", async () => {
      const { create, run, tasks } = await setUp(await open());
      const claims = [await run(), await run()];
      await expect(create({}, {}, 2)).rejects.toMatchObject(failure("limit"));
      await create({ owner: BOB }, {}, 1);
      await tasks.finish(claims[0]!, DONE);
      await create({}, {}, 2);
      await expect(create({}, {}, 2)).rejects.toMatchObject(failure("limit"));
    });

    it("waits for one process that knows its tool", async () => {
      const { begin, claim, tasks, here, there } = await setUp(await open());
      const { task } = await begin({}, { runs: false });
      expect(await tasks.claim({ ...MINE, instanceId: there, tools: ["another"] }, 9)).toEqual([]);
      expect(await tasks.claim({ ...MINE, instanceId: there, tools: [] }, 9)).toEqual([]);
      const both = (await Promise.all([claim(here), claim(there)])).flat();
      expect(both).toMatchObject([{ claim: { id: task.id, attempt: 1 }, lost: false, steps: [] }]);
      expect(both[0]).toMatchObject({ arguments: { deep: [1, "ü😀"] }, origin: { scope: null } });
    });

    it("is claimed in the order in which it is due, so many at a time", async () => {
      const { run, claim, tasks, clock, there } = await setUp(await open());
      const forever = { ttlMs: Infinity };
      const claims = [await run(forever), await run(forever), await run(forever)];
      for (const [i, one] of claims.entries()) await tasks.park(one, clock.now() + 30 - i * 10, 0);
      expect(await tasks.nextDue({ ...MINE, instanceId: there })).toBe(clock.now() + 10);
      expect(
        await tasks.nextDue({ ...MINE, tools: ["another"], instanceId: there }),
      ).toBeUndefined();
      expect(await claim()).toEqual([]);
      clock.advance(30);
      const first = await claim(undefined, 2);
      expect(first.map((one) => one.claim.id)).toEqual([claims[2]!.id, claims[1]!.id]);
      expect((await claim()).map((one) => one.claim.id)).toEqual([claims[0]!.id]);
      expect(await tasks.nextDue({ ...MINE, instanceId: there })).toBeUndefined();
    });

    it("of a dead process is lost, and goes to the next with all that was recorded", async () => {
      const { run, claim, tasks, here, die } = await setUp(await open());
      const one = await run();
      const step: Step = { kind: "do", name: "a", request: null, result: "1", failures: 0 };
      expect(await tasks.record(one, [{ ...step, result: null, failures: 1 }])).toBe(true);
      expect(await tasks.record(one, [step, { ...step, name: "b" }])).toBe(true);
      expect(await tasks.change(one, { checkpoint: "[1]" })).toBe(true);
      expect(await claim()).toEqual([]);
      await die(here);
      const [taken] = await claim();
      expect(taken).toMatchObject({ lost: true, checkpoint: "[1]", claim: { attempt: 2 } });
      expect(taken!.steps).toMatchObject([step, { name: "b" }]);
    });

    it("is not written any more by a run that has lost it", async () => {
      const { run, claim, tasks, here, die, there } = await setUp(await open());
      const one = await run();
      await die(here); // wrongly: it goes on
      const [taken] = await claim();
      const before = await tasks.find(one.id);
      const writes = [
        tasks.change(one, { statusMessage: "late", checkpoint: "1" }),
        tasks.change(one, { progress: 1 }, { durable: false }),
        tasks.record(one, [ASK]),
        tasks.park(one, null, 0),
        tasks.closeQuestion(one, "sure").then((result) => result !== undefined),
        tasks.setSession(one, "s"),
        tasks.release(one),
        tasks.finish(one, DONE),
      ];
      expect(await Promise.all(writes)).toEqual(writes.map(() => false));
      expect(await tasks.find(one.id)).toEqual(before);
      expect(await tasks.held(there)).toEqual([{ ...taken!.claim, cancelRequested: false }]);
      expect(await tasks.held(here)).toEqual([]);
      expect(await tasks.finish(taken!.claim, DONE)).toBe(true);
    });

    it("lets its run write to sessions, and none that has lost it, or has ended", async () => {
      const { storage, run, claim, tasks, here, die } = await setUp(await open());
      const { id } = await newSession(storage);
      const one = await run();
      const writesAs = (acting: Claim) => {
        const by = inRun({ id: ANA }, acting);
        const value = { key: "k", value: "1", expiresAt: null, maxKeys: 9, by };
        const session = { ...BLANK_SESSION, id: newId(), owner: ANA };
        return [
          storage.state.set(id, value),
          storage.history.append(id, { role: "user", content: "Hello", by }),
          storage.sessions.create(session, 99, by),
        ];
      };
      const refused = (writes: Promise<unknown>[]) =>
        Promise.all(
          writes.map((write) => expect(write).rejects.toMatchObject(failure("interrupted"))),
        );
      await Promise.all(writesAs(one));
      await die(here); // wrongly: it goes on
      const [taken] = await claim();
      await refused(writesAs(one));
      await Promise.all(writesAs(taken!.claim));
      await tasks.finish(taken!.claim, DONE);
      await refused(writesAs(taken!.claim));
    });

    it("ends once, with its result or its error", async () => {
      const { run, tasks, claim, clock } = await setUp(await open());
      const [one, two] = [await run(), await run()];
      clock.advance(5);
      // At the same moment, each on a connection of its own: either may come first.
      const ends = await Promise.all([tasks.finish(one, DONE), tasks.finish(one, DONE)]);
      expect(ends.filter(Boolean)).toHaveLength(1);
      expect(await tasks.finish(one, { status: "cancelled" })).toBe(false);
      await tasks.finish(two, { status: "failed", statusMessage: "No.", error: '{"code":1}' });
      expect(await tasks.find(one.id)).toMatchObject({
        status: "completed",
        result: { content: [] },
      });
      expect(await tasks.find(two.id)).toMatchObject({ statusMessage: "No.", error: { code: 1 } });
      expect(await tasks.find(two.id)).toMatchObject({ status: "failed", updatedAt: clock.now() });
      expect(await tasks.cancel(one.id, ANA)).toBe("ended");
      expect(await tasks.answer(one.id, ANA, { sure: "1" })).toEqual([]);
      expect(await claim()).toEqual([]);
    });

    it("tells how far it is, each time under a new revision", async () => {
      const { run, tasks } = await setUp(await open());
      const one = await run();
      const seen = async () => (await tasks.revisions([one.id, "unknown"])).get(one.id)!;
      const first = await seen();
      await tasks.change(one, { statusMessage: "Half", progress: 0.5, progressTotal: 1 });
      const second = await seen();
      expect(second).toBeGreaterThan(first);
      await tasks.change(one, { progress: 0.75 }, { durable: false });
      expect(await tasks.find(one.id)).toMatchObject({
        statusMessage: "Half",
        progress: 0.75,
        progressTotal: 1,
      });
      const third = await seen();
      await tasks.change(one, { checkpoint: "1" });
      expect(await seen()).toBe(third);
      await tasks.finish(one, DONE);
      expect(await seen()).toBeGreaterThan(third);
    });

    it("asks, is answered once to each question, and then is due", async () => {
      const { run, claim, tasks, clock, there } = await setUp(await open());
      const one = await run();
      await tasks.record(one, [ASK, { ...ASK, name: "name" }]);
      await tasks.park(one, null, 0);
      expect(await tasks.find(one.id)).toMatchObject({
        status: "input_required",
        questions: { sure: { method: "x" }, name: { method: "x" } },
      });
      expect(await claim()).toEqual([]);
      expect(await tasks.answer(one.id, ANA, { sure: '"yes"', other: "1" })).toEqual(["sure"]);
      expect(await tasks.answer(one.id, ANA, { sure: '"no"' })).toEqual([]);
      const view = await tasks.find(one.id);
      expect(view).toMatchObject({ status: "input_required", questions: { name: {} } });
      expect(Object.keys(view!.questions)).toEqual(["name"]);
      expect(await tasks.nextDue({ ...MINE, instanceId: there })).toBe(clock.now());
      const [taken] = await claim();
      expect(taken!.steps).toMatchObject([{ name: "sure", result: '"yes"' }, { result: null }]);
      expect(await tasks.record(taken!.claim, [{ ...ASK, request: "2" }])).toBe(true); // changes nothing
      await tasks.answer(one.id, undefined, { name: "1" }); // while it runs
      expect(await tasks.find(one.id)).toMatchObject({ status: "working", questions: {} });
      await tasks.park(taken!.claim, null, 1);
      expect((await claim())[0]!.steps).toMatchObject([
        { result: '"yes"', request: '{"method":"x"}' },
        { result: "1" },
      ]);
    });

    it("closes a question by its run, unless an answer came before", async () => {
      const { run, tasks, here, die, claim, status } = await setUp(await open());
      const one = await run();
      await tasks.record(one, [ASK, { ...ASK, name: "late" }]);
      await tasks.answer(one.id, ANA, { sure: '"yes"' });
      expect(await tasks.closeQuestion(one, "sure")).toBe('"yes"');
      expect(await status(one.id)).toBe("input_required");
      expect(await tasks.closeQuestion(one, "late")).toBe("null");
      expect(await status(one.id)).toBe("working");
      expect(await tasks.answer(one.id, ANA, { late: '"yes"' })).toEqual([]);
      expect(await tasks.closeQuestion(one, "another")).toBeUndefined();
      await tasks.record(one, [{ ...ASK, name: "third" }]);
      await die(here);
      await claim();
      expect(await tasks.closeQuestion(one, "third")).toBeUndefined();
      expect(await tasks.answer(one.id, ANA, { third: '"yes"' })).toEqual(["third"]);
    });

    it("that waits is cancelled at once, and one that runs when its run or its process ends", async () => {
      const { run, claim, tasks, here, die, status } = await setUp(await open());
      const [waiting, running, dead] = [await run(), await run(), await run()];
      await tasks.park(waiting, null, 0);
      expect(await tasks.cancel(waiting.id, ANA)).toBe("cancelled");
      expect(await status(waiting.id)).toBe("cancelled");
      expect(await tasks.cancel(running.id, undefined)).toBe("requested");
      expect(await tasks.cancel(running.id, ANA)).toBe("requested");
      expect(await tasks.held(here)).toContainEqual({ ...running, cancelRequested: true });
      expect(await tasks.park(running, null, 0)).toBe(true);
      expect(await status(running.id)).toBe("cancelled");
      await die(here);
      expect(await tasks.cancel(dead.id, ANA)).toBe("cancelled");
      expect(await claim()).toEqual([]);
    });

    it("that was released, or abandoned by its process, goes to the next", async () => {
      const { run, claim, tasks, here, storage } = await setUp(await open());
      const [one, two] = [await run(), await run()];
      expect(await storage.instances.work(here)).toContainEqual({ kind: "task", id: two.id });
      await tasks.release(one);
      expect(await claim()).toMatchObject([{ claim: { id: one.id }, lost: false }]);
      await storage.instances.abandon(here, [{ kind: "task", id: two.id }]);
      expect(await claim()).toMatchObject([{ claim: { id: two.id }, lost: true }]);
    });

    it("is an orphan when the process with the only call that knows of it has died", async () => {
      const { run, claim, tasks, here, die } = await setUp(await open());
      const [alone, known] = [await run({}, { waits: true }), await run({}, { waits: true })];
      await tasks.handOver(known.id);
      for (const one of [alone, known]) await tasks.release(one);
      await die(here);
      const orphaned = (await claim()).map((one) => [one.claim.id, one.orphaned]);
      expect(Object.fromEntries(orphaned)).toEqual({ [alone.id]: true, [known.id]: false });
    });

    it("is left to others by a process that runs only those that its calls wait for", async () => {
      const { begin, tasks, there } = await setUp(await open());
      await begin({}, { runs: false });
      const { task } = await begin({}, { runs: false });
      const own = { ...MINE, instanceId: there };
      expect(await tasks.nextDue({ ...own, only: [] })).toBeUndefined();
      expect(await tasks.claim({ ...own, only: [] }, 9)).toEqual([]);
      expect(await tasks.nextDue({ ...own, only: [task.id] })).toBeDefined();
      expect(await tasks.claim({ ...own, only: [task.id] }, 9)).toMatchObject([
        { claim: { id: task.id } },
      ]);
    });

    it("goes with its session, which it keeps from expiring while it is open", async () => {
      const { storage, tasks, run, create, clock, status } = await setUp(await open());
      const [kept, deleted] = [await newSession(storage), await newSession(storage)];
      const one = await run({ sessionId: kept.id, ttlMs: Infinity });
      const two = await run({ sessionId: deleted.id });
      await storage.sessions.delete(deleted.id);
      expect(await tasks.find(two.id)).toBeUndefined();
      expect(await tasks.finish(two, DONE)).toBe(false);
      await expect(create({ sessionId: deleted.id })).rejects.toMatchObject(failure("not_found"));
      clock.advance(2 * MAX_AGE);
      expect(await storage.sessions.deleteExpired()).toBe(0);
      await tasks.finish(one, DONE);
      expect(await storage.sessions.deleteExpired()).toBe(1);
      expect(await status(one.id)).toBeUndefined();
    });

    it("notes the session that it opens", async () => {
      const { storage, tasks, run } = await setUp(await open());
      const one = await run();
      const { id } = await newSession(storage);
      expect(await tasks.setSession(one, id)).toBe(true);
      expect(await tasks.list({ sessionId: id, limit: 9 })).toMatchObject([{ id: one.id }]);
    });

    it("that has ended goes when its session is cleared, as other traces do", async () => {
      const { storage, tasks, run, status } = await setUp(await open());
      const { id: sessionId } = await newSession(storage);
      const [ended, open_] = [await run({ sessionId }), await run({ sessionId })];
      await tasks.finish(ended, DONE);
      await storage.sessions.clear(sessionId, "all");
      expect(await status(ended.id)).toBeUndefined();
      expect(await status(open_.id)).toBe("working");
    });

    it("leaves room for another owner's, as many as come", async () => {
      const { begin, claim, tasks, there } = await setUp(await open());
      for (let n = 0; n < 4; n += 1) await begin({}, { runs: false });
      const { task } = await begin({ owner: BOB }, { runs: false });
      const by = { ...MINE, instanceId: there, each: 2 };
      const first = await tasks.claim({ ...by, running: { [ANA]: 1 } }, 9);
      expect((first as ClaimedTask[]).map(({ owner }) => owner).sort()).toEqual([ANA, BOB].sort());
      await tasks.release((first as ClaimedTask[]).find(({ owner }) => owner === BOB)!.claim);
      const full = { ...by, running: { [ANA]: 2 } };
      expect(await tasks.claim(full, 1)).toMatchObject([{ claim: { id: task.id } }]);
      expect(await tasks.claim(full, 9)).toEqual([]);
      expect(await claim()).toHaveLength(3);
    });

    it("that has not ended at its time fails, and goes as long after its end as it had to end", async () => {
      const { tasks, run, clock, claim, status, here, rows } = await setUp(await open());
      const [one, asks, waiting] = [await run(), await run(), await run()];
      await run({ ttlMs: Infinity });
      await tasks.record(asks, [ASK]);
      await tasks.park(asks, null, 0);
      await tasks.park(waiting, clock.now() + TTL, 0);
      const END = { status: "failed", error: '{"code":1}' } as const;
      clock.advance(TTL - 1);
      expect(await tasks.expire(END)).toEqual([]);
      expect(await tasks.nextDue({ ...MINE, instanceId: here })).toBe(clock.now() + 1);
      clock.advance(1);
      expect(await claim()).toEqual([]);
      expect(await tasks.answer(asks.id, ANA, { sure: "1" })).toEqual([]);
      expect(await tasks.deleteExpired()).toBe(0);
      const failed = await tasks.expire(END);
      expect(failed.sort()).toEqual([one.id, asks.id, waiting.id].sort());
      expect(await tasks.expire(END)).toEqual([]);
      expect(await tasks.finish(one, DONE)).toBe(false);
      expect(await tasks.find(asks.id)).toMatchObject({ status: "failed", error: { code: 1 } });
      clock.advance(TTL - 1);
      expect(await status(one.id)).toBe("failed");
      expect(await tasks.countExpired()).toBe(0);
      clock.advance(1);
      expect(await status(one.id)).toBeUndefined();
      expect(await tasks.cancel(one.id, ANA)).toBeUndefined();
      expect(await tasks.countExpired()).toBe(3);
      expect(await tasks.deleteExpired()).toBe(3);
      if (rows) expect(await rows()).toMatchObject({ tasks: 1 });
    });

    it("that ended late is kept from its end on", async () => {
      const { tasks, run, clock, status } = await setUp(await open());
      const one = await run();
      clock.advance(TTL - 1);
      await tasks.finish(one, DONE);
      clock.advance(TTL - 1);
      expect(await status(one.id)).toBe("completed");
      clock.advance(1);
      expect(await status(one.id)).toBeUndefined();
    });

    it("is listed, the newest first, a page at a time", async () => {
      const { tasks, run, clock } = await setUp(await open());
      const claims: Claim[] = [];
      for (let n = 0; n < 3; n += 1) {
        claims.push(await run());
        clock.advance(n); // the first two have one time
      }
      await run({ owner: BOB });
      await tasks.finish(claims[2]!, DONE);
      const page = await tasks.list({ owner: ANA, limit: 2 });
      const rest = await tasks.list({ owner: ANA, limit: 2, after: page.at(-1) });
      expect([...page, ...rest].map(({ id }) => id)[0]).toBe(claims[2]!.id);
      expect([...page, ...rest].map(({ id }) => id).sort()).toEqual(
        claims.map(({ id }) => id).sort(),
      );
      expect(await tasks.list({ owner: ANA, open: true, limit: 9 })).toHaveLength(2);
      expect(await tasks.list({ limit: 9 })).toHaveLength(4);
      await run({ owner: BOB, tool: "wait%s" });
      expect(await tasks.list({ owner: BOB, toolPrefix: "wait", limit: 9 })).toHaveLength(2);
      expect(await tasks.list({ toolPrefix: "wait%", limit: 9 })).toHaveLength(1);
      expect(await tasks.list({ toolPrefix: "ait", limit: 9 })).toEqual([]);
    });
  });
}
