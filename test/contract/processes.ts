// The contract of data that two processes use at a time.
import { expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import type { Storage } from "../../src/storage/storage.ts";
import type { Subject } from "../../src/updates/changes.ts";
import {
  ANA,
  BOB,
  failure,
  type Limits,
  newClient,
  newInstance,
  newRequest,
  newSession,
  type Open,
  type Opened,
  put,
  say,
} from "./engine.ts";

async function openTwice(open: Open, limits?: Limits): Promise<[Opened, Opened]> {
  const opened = await open(limits);
  return [opened, { ...opened, storage: await opened.another!() }];
}

const values = <T>(settled: readonly PromiseSettledResult<T>[]): T[] =>
  settled.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));

const MAX = 3;

/** What a limit allows `MAX` times. Each is prepared once, and then tried by both processes. */
const limits: Record<
  string,
  (opened: Opened) => Promise<(storage: Storage, name: string) => Promise<unknown>>
> = {
  "sessions of an owner":
    async () =>
    ({ sessions }) =>
      sessions.create({ id: newId(), owner: ANA }, MAX),
  "sessions that are given to an owner": async ({ storage }) => {
    const ids: string[] = [];
    for (let n = 0; n < 3 * MAX; n += 1) ids.push((await newSession(storage)).id);
    return ({ sessions }, name) => sessions.give(ids[Number(name)]!, BOB, MAX);
  },
  "messages of a session": async ({ storage }) => {
    const { id } = await newSession(storage);
    return (storage, name) => say(storage, id, name);
  },
  "keys of a session": async ({ storage }) => {
    const { id } = await newSession(storage);
    return ({ state }, key) => state.set(id, { key, value: "1", expiresAt: null, maxKeys: MAX });
  },
  "shares of a session": async ({ storage }) => {
    const { id } = await newSession(storage);
    return ({ sessions }, principal) => sessions.grant(id, { principal, access: "read" }, MAX);
  },
  "offers of a principal": async ({ storage }) => {
    const { id } = await newSession(storage);
    const offers = { ofGiver: MAX, ofTaker: 9, between: 9 };
    return ({ sessions }, principal) =>
      sessions.offer(id, { principal, access: "read" }, 99, offers);
  },
  "subscriptions of a client": async (opened) => {
    const { id } = await newClient(opened);
    return ({ subscriptions }, name) => subscriptions.subscribe(id, [`s://${name}`], MAX);
  },
};

export function processContract(open: Open): void {
  it("has committed what was under way when it is closed, and gives it back when it is opened", async () => {
    const { storage, another } = await open();
    const { id } = await newSession(storage, { name: "work" });
    const written = [put(storage, id, "k", '"v"'), say(storage, id, "hello")];
    await storage.close();
    await Promise.all(written);
    const again = await another!();
    expect(await again.sessions.findByName(ANA, "work")).toMatchObject({ id });
    expect(await again.state.get(id, "k")).toMatchObject({ value: '"v"', version: 1 });
    expect((await again.history.page(id, { limit: 9 })).messages).toMatchObject([
      { content: "hello" },
    ]);
  });

  it("shows each what the other has committed", async () => {
    const [one, two] = await openTwice(open);
    const { id } = await newSession(one.storage, { name: "work" });
    await put(two.storage, id, "k", "1");
    expect(await one.storage.state.get(id, "k")).toMatchObject({ version: 1 });
    expect(await put(one.storage, id, "k", "2")).toMatchObject({ version: 2 });
    expect(await two.storage.state.get(id, "k")).toMatchObject({ value: "2" });
  });

  it("makes one session of a name, one number of a message, one claim of a turn", async () => {
    const both = await openTwice(open);
    const made = await Promise.all(
      both.map(({ storage }) => storage.sessions.create({ id: newId(), owner: ANA, name: "work" })),
    );
    expect(made.filter(({ created }) => created)).toHaveLength(1);
    const { id } = made[0]!.session;
    expect(made[1]!.session.id).toBe(id);
    const said = await Promise.all(
      Array.from({ length: 20 }, (_, n) => say(both[n % 2]!.storage, id, `${n}`)),
    );
    expect(said.map(({ seq }) => seq).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, n) => n + 1),
    );
    const starts = await Promise.all(
      both.map(async (opened) =>
        opened.storage.history.beginTurn(id, {
          instanceId: await newInstance(opened),
          prompt: "Who?",
        }),
      ),
    );
    expect(starts.map(({ kind }) => kind).toSorted()).toEqual(["busy", "started"]);
  });

  it("adopts a request once, answers it once, and delivers a message once", async () => {
    const both = await openTwice(open);
    const { id } = await newClient(both[0]);
    /** Both at the same time. */
    const race = <T>(act: (storage: Storage, n: number) => Promise<T>) =>
      Promise.allSettled(both.map(({ storage }, n) => act(storage, n)));
    const { streams } = both[0].storage;
    const { id: streamId } = await streams.openRequests(id, "gone", [newRequest(1)], "");
    const [orphan] = await both[1].storage.streams.orphans();
    const adopted = await race(({ streams }, n) => streams.adopt(orphan!, `i-${n}`));
    expect(values(adopted).toSorted()).toEqual([false, true]);
    const adopter = `i-${values(adopted).indexOf(true)}`;
    const answered = await race(({ streams }, n) => streams.answer(streamId, 1, `"${n}"`, adopter));
    expect(values(answered).filter(Boolean)).toHaveLength(1);
    expect(await both[0].storage.streams.events(streamId, 0)).toHaveLength(1);
    await both[0].storage.subscriptions.post([{ clientId: id, data: '"news"' }]);
    const taken = await race(({ subscriptions }) => subscriptions.take(id));
    expect(values(taken).flat()).toEqual(['"news"']);
  });

  it.each(Object.entries(limits))(
    "holds the limit on %s when both reach it",
    async (_, prepare) => {
      const both = await openTwice(open, { maxMessages: MAX });
      const attempt = await prepare(both[0]);
      const settled = await Promise.allSettled(
        Array.from({ length: 3 * MAX }, (_, n) => attempt(both[n % 2]!.storage, `${n}`)),
      );
      expect(values(settled)).toHaveLength(MAX);
      for (const outcome of settled)
        if (outcome.status === "rejected") expect(outcome.reason).toMatchObject(failure("limit"));
    },
  );

  it("lets one of those win who change the same version, and makes one of equal requests", async () => {
    const both = await openTwice(open);
    const { id } = await newSession(both[0].storage);
    await put(both[0].storage, id, "k");
    const write = { key: "k", value: "2", expiresAt: null, maxKeys: 9, ifVersion: 1 };
    const changed = await Promise.allSettled(
      both.map(({ storage }) => storage.state.set(id, write)),
    );
    expect(values(changed)).toMatchObject([{ version: 2 }]);
    const message = { role: "user", content: "hello", requestKey: "k" } as const;
    const said = await Promise.all(both.map(({ storage }) => storage.history.append(id, message)));
    expect(said.map(({ seq }) => seq)).toEqual([1, 1]);
    const call = { owner: ANA, scope: "", key: "k", request: "r" };
    const begun = await Promise.all(
      both.map(async (opened) => {
        const instanceId = await newInstance(opened);
        return opened.storage.keyedCalls.begin(call, { instanceId, newSessionId: id, max: 9 });
      }),
    );
    expect(begun.map(({ kind }) => kind).toSorted()).toEqual(["running", "started"]);
  });

  it("numbers what both write to one stream without a hole", async () => {
    const both = await openTwice(open);
    const { id: client } = await newClient(both[0]);
    const { id } = await both[0].storage.streams.openStandalone(client);
    const seqs = await Promise.all(
      Array.from({ length: 20 }, (_, n) => both[n % 2]!.storage.streams.append(id, `${n}`, 99)),
    );
    expect(seqs.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  });

  it("wakes each when the other has changed something, and not for changes of its own", async () => {
    const [one, two] = await openTwice(open);
    const { id } = await newSession(one.storage);
    let wakeUps = 0;
    using _ = one.storage.changes.watch((changed) => {
      if (changed.includes("session", id)) wakeUps += 1; // the other may still tell of its start
    });
    const woken = wakeUp(two, "session", id);
    await say(one.storage, id, "hello");
    await woken;
    expect(wakeUps).toBe(0);
  });

  it("wakes those who wait for the work of a dead process, whichever process ends it", async () => {
    const both = await openTwice(open);
    for (const { storage } of both) {
      const instanceId = await newInstance(both[0]);
      const { id } = await newSession(both[0].storage);
      await both[0].storage.history.beginTurn(id, { instanceId, prompt: "Who?" });
      const keyed = { owner: ANA, scope: id, key: "k", request: "r" };
      const options = { instanceId, newSessionId: id, max: 9 };
      const begun = await both[0].storage.keyedCalls.begin(keyed, options);
      const turn = wakeUp(both[1], "session", id);
      const call = wakeUp(both[1], "call", begun.kind === "started" ? begun.id : "");
      await storage.instances.remove(instanceId);
      await Promise.all([turn, call]);
    }
  });
}

/** Resolves when the process learns that the subject may have changed. */
async function wakeUp({ storage }: Opened, kind: Subject["kind"], id: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  using _ = storage.changes.watch((changed) => {
    if (changed.includes(kind, id)) resolve();
  });
  await promise;
}
