// The contract of what two processes do at the same moment: no notification gets lost, and a process that was taken for dead
// stores nothing once another has its work.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import type { Storage } from "../../src/storage/storage.ts";
import {
  ANA,
  failure,
  newClient,
  newInstance,
  newRequest,
  newSession,
  type Open,
  put,
} from "./engine.ts";

const ROUNDS = 12;

/** Lets the other side come first now and then. */
const jitter = (round: number) => sleep(round % 4);

/** Changes a key of Ana's session, and tells the subscribers of it. */
const change = ({ subscriptions, state }: Storage, session: string, value: string) =>
  subscriptions.notifyWith(
    {
      changes: [{ owner: ANA, session, by: undefined, uris: [uriOf(session)] }],
      message: (uri) => JSON.stringify(uri),
      tells: () => true,
      most: 9,
      onTold: () => undefined,
    },
    () => state.set(session, { key: "k", value, expiresAt: null, maxKeys: 9 }),
  );

const uriOf = (session: string): string => `holdfast://sessions/${session}/state/k`;

export function raceContract(open: Open): void {
  it("tells a new subscriber of each change that it has not read", async () => {
    const opened = await open();
    const [one, two] = [opened.storage, await opened.another!()];
    const { id: session } = await newSession(one);
    for (let round = 0; round < ROUNDS; round += 1) {
      const { id } = await newClient(opened);
      const changed = change(one, session, `${round}`);
      await jitter(round);
      await two.subscriptions.subscribe(id, [uriOf(session)], 9);
      const read = await two.state.get(session, "k");
      await changed;
      const told = await two.subscriptions.take(id);
      if (read?.value !== `${round}`) expect(told).toHaveLength(1);
      await two.clients.end(id);
    }
  });

  it("leaves no change untold because a message of an earlier one waits, and is taken meanwhile", async () => {
    const opened = await open();
    const [one, two] = [opened.storage, await opened.another!()];
    const { id: session } = await newSession(one);
    const { id } = await newClient(opened);
    await two.subscriptions.subscribe(id, [uriOf(session)], 9);
    for (let round = 0; round < ROUNDS; round += 1) {
      await change(one, session, '"earlier"');
      const changed = change(one, session, `${round}`);
      await jitter(round);
      await two.subscriptions.take(id);
      const read = await two.state.get(session, "k");
      await changed;
      const told = await two.subscriptions.take(id);
      if (read?.value !== `${round}`) expect(told).toHaveLength(1);
    }
  });

  it("takes nothing of a request from a process that goes on after another has adopted it", async () => {
    const opened = await open();
    const [one, two] = [opened.storage, await opened.another!()];
    const { id: client } = await newClient(opened);
    for (let round = 0; round < ROUNDS; round += 1) {
      const [paused, heir] = [await newInstance(opened), await newInstance(opened)];
      const { id } = await one.streams.openRequests(client, paused, [newRequest(1)], "");
      await two.instances.remove(paused);
      const orphan = (await two.streams.orphans()).find(({ streamId }) => streamId === id)!;
      const late = jitter(round).then(() =>
        Promise.allSettled([
          one.streams.append(id, '"late"', 9, paused),
          one.streams.answer(id, 1, '"late answer"', paused),
        ]),
      );
      const adopted = await two.streams.adopt(orphan, heir);
      if (adopted) {
        await two.streams.append(id, '"heir"', 9, heir);
        await two.streams.answer(id, 1, '"answer"', heir);
      }
      const [appended, answered] = await late;
      const log = (await two.streams.events(id, 0)).map(({ data }) => data);
      const end = log.findIndex((data) => data.endsWith('answer"'));
      expect(log.slice(end - 1, end + 1)).toEqual(
        adopted ? ['"heir"', '"answer"'] : ['"late"', '"late answer"'],
      );
      if (!log.includes('"late"'))
        expect(appended).toMatchObject({ status: "rejected", reason: failure("interrupted") });
      if (adopted) expect(answered).toEqual({ status: "fulfilled", value: undefined });
    }
  });

  it("makes no change of a call with a key twice while another process takes it over", async () => {
    const opened = await open();
    const [one, two] = [opened.storage, await opened.another!()];
    const { id: session } = await newSession(one);
    for (let round = 0; round < ROUNDS; round += 1) {
      const [paused, heir] = [await newInstance(opened), await newInstance(opened)];
      const [key, mine] = [`${round}`, { newSessionId: newId(), max: 99 }];
      const call = { owner: ANA, scope: session, key, request: "r" };
      const begun = await one.keyedCalls.begin(call, { ...mine, instanceId: paused });
      if (begun.kind !== "started") throw new Error(`The call is ${begun.kind}.`);
      await two.instances.remove(paused);
      const run = (storage: Storage, instanceId: string) =>
        storage.keyedCalls.changes(begun.id, instanceId)("set", () => put(storage, session, key));
      const late = jitter(round).then(() => Promise.allSettled([run(one, paused)]));
      expect(await two.keyedCalls.adopt(begun.id, heir)).toBe(true);
      expect(await run(two, heir)).toMatchObject({ version: 1 });
      const [outcome] = await late;
      if (outcome.status === "rejected")
        expect(outcome.reason).toMatchObject(failure("interrupted"));
      await one.keyedCalls.finish(begun.id, paused, '"late"');
      await two.keyedCalls.finish(begun.id, heir, '"heir"');
      expect(await two.keyedCalls.begin(call, { ...mine, instanceId: heir })).toEqual({
        kind: "done",
        outcome: '"heir"',
      });
      expect(await two.state.get(session, key)).toMatchObject({ version: 1 });
    }
  });
}
