// Every storage engine keeps the same contract.
import { describe, expect, it, onTestFinished } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { openStorage } from "../../src/storage/open.ts";
import { findDamage, openDatabase, rowCounts } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { apiKeyContract } from "./api-keys.ts";
import { auditContract } from "./audit.ts";
import { clientContract } from "./clients.ts";
import {
  ANA,
  GRACE,
  MAX_AGE,
  newClient,
  newInstance,
  newRequest,
  newSession,
  put,
  say,
  type Open,
  type Opened,
} from "./engine.ts";
import { expiryContract } from "./expiry.ts";
import { historyContract } from "./history.ts";
import { instanceContract } from "./instances.ts";
import { keyedCallLimitsContract } from "./keyed-call-limits.ts";
import { keyedCallsContract } from "./keyed-calls.ts";
import { messageDeletionContract } from "./message-deletion.ts";
import { requestsContract } from "./requests.ts";
import { sessionListContract } from "./session-list.ts";
import { sessionContract } from "./sessions.ts";
import { signingKeysContract } from "./signing-keys.ts";
import { sharingContract } from "./sharing.ts";
import { stateContract } from "./state.ts";
import { streamsContract } from "./streams.ts";
import { subscriptionsContract } from "./subscriptions.ts";
import { summaryContract } from "./summaries.ts";
import { transferContract } from "./transfer.ts";
import { turnContract } from "./turns.ts";

async function openAt(
  folder: string | undefined,
  clock: ManualClock,
  { maxAgeMs = MAX_AGE, ...limits }: Parameters<Open>[0] = {},
): Promise<Storage> {
  const expiry = { maxAgeMs };
  const storage = await openStorage({
    ...{ folder, durability: "normal", clock, expiry, streamGraceMs: GRACE },
    ...limits,
  });
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= storage.close()); // the test may have done it
  onTestFinished(close);
  return { ...storage, close };
}

const values = <T>(settled: readonly PromiseSettledResult<T>[]): T[] =>
  settled.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));

const engines: Record<string, Open> = {
  "SQLite in memory": async (limits) => {
    const clock = new ManualClock();
    return { storage: await openAt(undefined, clock, limits), clock };
  },
  "SQLite on a file": async (limits) => {
    const clock = new ManualClock();
    const folder = temporaryFolder();
    const storage = await openAt(folder, clock, limits);
    const database = openDatabase(folder, { readonly: false });
    onTestFinished(() => expect(findDamage(database)).toEqual([]));
    return { storage, clock, rows: () => rowCounts(database) };
  },
};

for (const [engine, open] of Object.entries(engines)) {
  describe(engine, () => {
    sessionContract(open);
    sessionListContract(open);
    sharingContract(open);
    expiryContract(open);
    clientContract(open);
    stateContract(open);
    historyContract(open);
    messageDeletionContract(open);
    turnContract(open);
    summaryContract(open);
    instanceContract(open);
    streamsContract(open);
    requestsContract(open);
    subscriptionsContract(open);
    keyedCallsContract(open);
    keyedCallLimitsContract(open);
    signingKeysContract(open);
    apiKeyContract(open);
    auditContract(open);
    transferContract(open);

    it("can be written while it is open", async () => {
      await expect((await open()).storage.check()).resolves.toBeUndefined();
    });

    it("refuses to write once it is closed", async () => {
      const { storage } = await open();
      await storage.close();
      await expect(newSession(storage)).rejects.toMatchObject({ name: "AppError", code: "busy" });
    });
  });
}

describe("SQLite on a file", () => {
  it("has committed what was under way when it is closed, and gives it back when it is opened", async () => {
    const [folder, clock] = [temporaryFolder(), new ManualClock()];
    const storage = await openAt(folder, clock);
    const { id } = await newSession(storage, { name: "work" });
    const written = [put(storage, id, "k", '"v"'), say(storage, id, "hello")];
    await storage.close();
    await Promise.all(written);
    const again = await openAt(folder, clock);
    expect(await again.sessions.find(ANA, { name: "work" })).toMatchObject({ id });
    expect(await again.state.get(id, "k")).toMatchObject({ value: '"v"', version: 1 });
    expect((await again.history.page(id, { limit: 9 })).messages).toMatchObject([
      { content: "hello" },
    ]);
  });

  describe("used by two processes", () => {
    async function openTwice(): Promise<[Opened, Opened]> {
      const [folder, clock] = [temporaryFolder(), new ManualClock()];
      return [
        { storage: await openAt(folder, clock), clock },
        { storage: await openAt(folder, clock), clock },
      ];
    }

    it("shows each what the other has committed", async () => {
      const [one, two] = await openTwice();
      const { id } = await newSession(one.storage, { name: "work" });
      await put(two.storage, id, "k", "1");
      expect(await one.storage.state.get(id, "k")).toMatchObject({ version: 1 });
      expect(await put(one.storage, id, "k", "2")).toMatchObject({ version: 2 });
      expect(await two.storage.state.get(id, "k")).toMatchObject({ value: "2" });
    });

    it("makes one session of a name, one number of a message, one claim of a turn", async () => {
      const both = await openTwice();
      const made = await Promise.all(
        both.map(({ storage }) =>
          storage.sessions.create({ id: newId(), owner: ANA, name: "work" }),
        ),
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
      const both = await openTwice();
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
      const answered = await race(({ streams }, n) =>
        streams.answer(streamId, 1, `"${n}"`, adopter),
      );
      expect(values(answered).filter(Boolean)).toHaveLength(1);
      expect(await both[0].storage.streams.events(streamId, 0, 9)).toHaveLength(1);
      await both[0].storage.subscriptions.post([{ clientId: id, data: '"news"' }]);
      const taken = await race(({ subscriptions }) => subscriptions.take(id));
      expect(values(taken).flat()).toEqual(['"news"']);
    });

    it("tells each, once, that the other has changed something", async () => {
      const [one, two] = (await openTwice()).map((opened) => opened.storage) as [Storage, Storage];
      await one.subscriptions.changedElsewhere(); // from here on
      await two.subscriptions.changedElsewhere();
      expect(await one.subscriptions.changedElsewhere()).toBe(false);
      await newSession(two);
      expect(await two.subscriptions.changedElsewhere()).toBe(false);
      expect(await one.subscriptions.changedElsewhere()).toBe(true);
      expect(await one.subscriptions.changedElsewhere()).toBe(false);
    });
  });
});
