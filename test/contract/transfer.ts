// The contract of TransferStore: sessions are read as at one moment, and come in whole or not at all.
import { describe, expect, it } from "vitest";
import type { ApiKey } from "../../src/auth/api-keys.ts";
import type { Principal } from "../../src/auth/principal.ts";
import type { Message } from "../../src/chat/message.ts";
import { newId } from "../../src/lib/ids.ts";
import type { Storage } from "../../src/storage/storage.ts";
import type { Content, SessionRecord, TransferRecord } from "../../src/transfer/store.ts";
import type { Open, Opened } from "./engine.ts";
import {
  ANA,
  BOB,
  failure,
  MAX_AGE,
  newClient,
  newInstance,
  newSession,
  put,
  say,
} from "./engine.ts";

const SOME = 100;

const session = (more: Partial<SessionRecord> = {}): SessionRecord => ({
  ...{ id: newId(), owner: ANA, name: "work", title: "Wörk 😀", system: "Be kind.", pinned: false },
  ...{ createdAt: 5, lastActiveAt: Date.UTC(2026, 0, 1) },
  ...more,
});

const message = (seq: number, more: Partial<Message> = {}): Content => ({
  type: "message",
  message: {
    ...{ seq, role: "user", content: `${seq} – ü😀`, status: "complete", model: null },
    ...{ inputTokens: null, outputTokens: null, requestKey: null, createdAt: 1_000 + seq },
    author: null,
    ...more,
  },
});

const key = (name: string, more: object = {}): Content => ({
  type: "state",
  entry: { key: name, value: '{"a":1}', version: 7, updatedAt: 44, expiresAt: null, ...more },
});

const BOBS_KEY: ApiKey = {
  ...{ id: "bobs", hash: Buffer.alloc(32), principal: BOB, scope: "write" },
  ...{ createdAt: 1, lastUsedAt: null, expiresAt: null, revokedAt: null },
};

const CONTENT: Content[] = [
  key("a"),
  key("ä😀", { expiresAt: Date.UTC(2030, 0, 1) }),
  message(1, { requestKey: "r", status: "failed" }),
  message(2, { role: "assistant", model: "m", inputTokens: 3, outputTokens: 4, requestKey: "r" }),
  message(3, { role: "tool", content: "", author: "bob" }),
];

async function* pages(...all: Content[][]): AsyncGenerator<Content[]> {
  for (const page of all) yield await Promise.resolve(page);
}

async function read({ transfer }: Storage, id: string): Promise<TransferRecord[]> {
  return Array.fromAsync(transfer.snapshot(id));
}

const restore = ({ transfer }: Storage, one: SessionRecord, ...all: Content[][]) =>
  transfer.restore(one, pages(...all), SOME);

export function transferContract(open: Open): void {
  describe("a session that comes in", () => {
    it.each([
      ["in one page", [CONTENT]],
      ["in many pages", CONTENT.map((piece) => [piece])],
    ])("is there with all it holds, %s, and reads as it was written", async (_, all) => {
      const { storage } = await open();
      const one = session();
      expect(await restore(storage, one, ...all)).toEqual({ named: true });
      expect(await storage.sessions.findByName(ANA, "work")).toMatchObject(one);
      expect(await read(storage, one.id)).toEqual([
        {
          type: "session",
          session: expect.objectContaining(one),
          counts: { stateKeys: 2, messages: 3 },
          lastSeq: 3,
        },
        ...CONTENT,
      ]);
      expect((await storage.history.page(one.id, { limit: 9 })).messages).toHaveLength(3);
      const options = { limit: 9, among: 9 };
      const hits = await storage.history.search({ session: one.id }, "ü", options);
      expect(hits).toHaveLength(2);
      expect(await storage.state.get(one.id, "a")).toMatchObject({ version: 7, updatedAt: 44 });
      expect(await say(storage, one.id, "next")).toMatchObject({ seq: 4 });
    });

    it("can be empty, and can be pinned", async () => {
      const { storage, clock } = await open();
      const one = session({ pinned: true, name: null });
      await restore(storage, one);
      clock.advance(10 * MAX_AGE);
      expect(await storage.sessions.findById(one.id)).toMatchObject(one);
    });

    it.each([MAX_AGE, Infinity])(
      "is seen by nobody until it is whole (maximum age %d)",
      async (maxAgeMs) => {
        const { storage } = await open({ maxAgeMs });
        const one = session({ pinned: true });
        let seen: unknown[] = [];
        async function* slowly(): AsyncGenerator<Content[]> {
          yield [message(1)];
          yield [message(2)];
          yield [message(3)];
          seen = [
            await storage.sessions.findById(one.id),
            await storage.sessions.findByName(ANA, "work"),
            (await storage.sessions.list(ANA, { limit: 9 })).sessions[0],
            (await read(storage, one.id))[0],
          ];
        }
        await storage.transfer.restore(one, slowly(), SOME);
        expect(seen).toEqual([undefined, undefined, undefined, undefined]);
        expect(await storage.sessions.findById(one.id)).toMatchObject(one);
      },
    );

    it("leaves nothing behind when what it holds cannot be read to its end", async () => {
      const { storage, rows } = await open();
      async function* broken(): AsyncGenerator<Content[]> {
        yield [message(1)];
        yield await Promise.resolve([message(2)]);
        throw new Error("no more");
      }
      const one = session();
      await expect(storage.transfer.restore(one, broken(), SOME)).rejects.toThrow("no more");
      expect(await storage.sessions.findById(one.id)).toBeUndefined();
      expect((await rows?.()) ?? {}).toEqual({});
      await restore(storage, one, CONTENT);
    });

    it.each<[string, string, (storage: Storage, id: string) => Promise<unknown>]>([
      ["not_found", "is shared no longer", ({ sessions }, id) => sessions.ungrant(id, BOB)],
      ["not_found", "is gone", ({ sessions }, id) => sessions.delete(id)],
      ["forbidden", "was read with a key that has ended", ({ apiKeys }) => apiKeys.revoke("bobs")],
    ])("stops with %s when the session that it is copied from %s", async (code, _, end) => {
      const { storage, rows } = await open();
      const source = await newSession(storage);
      await storage.sessions.grant(source.id, { principal: BOB, access: "read" }, 9);
      await storage.apiKeys.create(BOBS_KEY);
      const before = { ...(await rows?.()) };
      const by: Principal = { id: BOB, credentials: { id: "bobs", key: "bobs" } };
      async function* copied(): AsyncGenerator<Content[]> {
        yield [message(1)];
        yield [message(2)];
        await end(storage, source.id);
        yield [message(3)];
      }
      const copy = session({ owner: BOB });
      const restored = storage.transfer.restore(copy, copied(), SOME, { id: source.id, by });
      await expect(restored).rejects.toMatchObject(failure(code));
      expect(await storage.sessions.findById(copy.id)).toBeUndefined();
      expect((await rows?.())?.["messages"]).toBe(before["messages"]);
    });

    it("replaces what a killed import has left under its id", async () => {
      const { storage } = await open();
      const one = session();
      let next: Promise<unknown> = Promise.resolve();
      async function* interrupted(): AsyncGenerator<Content[]> {
        yield [message(1)];
        yield [message(2)];
        yield [message(3)];
        // Two pages are written; another import of the same session comes in between.
        next = restore(storage, one, CONTENT);
        await next;
      }
      await expect(storage.transfer.restore(one, interrupted(), SOME)).rejects.toMatchObject({
        name: "AppError",
      });
      expect(await read(storage, one.id)).toHaveLength(1 + CONTENT.length);
    });

    it("is told that a cleanup came in between, and leaves nothing", async () => {
      const { storage, rows } = await open();
      async function* cleaned(): AsyncGenerator<Content[]> {
        yield [message(1)];
        yield [message(2)];
        expect(await storage.sessions.deleteExpired()).toBe(1);
        yield [message(3)];
      }
      await expect(storage.transfer.restore(session(), cleaned(), SOME)).rejects.toMatchObject(
        failure("busy"),
      );
      async function* shrunk(): AsyncGenerator<Content[]> {
        yield [message(1), message(2)];
        yield [message(3)];
        const stopping = new AbortController();
        const deleting = storage.sessions.deleteExpired(stopping.signal);
        stopping.abort(); // after the first messages
        expect(await deleting).toBe(0);
      }
      await expect(storage.transfer.restore(session(), shrunk(), SOME)).rejects.toMatchObject({
        name: "AppError",
      });
      expect((await rows?.()) ?? {}).toEqual({});
    });

    it("takes no id that is taken, by a session or by somebody else's client", async () => {
      const opened = await open();
      const { storage } = opened;
      const there = await newSession(storage, { owner: BOB });
      const before = await read(storage, there.id);
      for (const owner of [ANA, BOB])
        await expect(
          restore(storage, session({ id: there.id, owner }), CONTENT),
        ).rejects.toMatchObject(failure("conflict"));
      expect(await read(storage, there.id)).toEqual(before);
      const { id } = await newClient(opened, { owner: BOB });
      await expect(restore(storage, session({ id }), CONTENT)).rejects.toMatchObject(
        failure("conflict"),
      );
      await restore(storage, session({ id, owner: BOB }), CONTENT);
    });

    it("comes without its name when the owner has one of that name", async () => {
      const { storage, clock } = await open();
      const there = await newSession(storage, { name: "work" });
      const [one, bobs] = [session(), session({ owner: BOB })];
      expect(await restore(storage, one, CONTENT)).toEqual({ named: false });
      expect(await storage.sessions.findById(one.id)).toMatchObject({ name: null });
      expect(await storage.sessions.findByName(ANA, "work")).toMatchObject({ id: there.id });
      expect(await restore(storage, bobs, CONTENT)).toEqual({ named: true });
      clock.advance(MAX_AGE); // the other one has expired
      const later = session({ lastActiveAt: clock.now() });
      expect(await restore(storage, later)).toEqual({ named: true });
      expect(await storage.sessions.findByName(ANA, "work")).toMatchObject(later);
    });

    it("keeps to the owner's number of sessions, and to that of messages", async () => {
      const { storage, rows } = await open({ maxMessages: 2 });
      await expect(restore(storage, session(), CONTENT)).rejects.toMatchObject(failure("limit"));
      expect((await rows?.()) ?? {}).toEqual({});
      await newSession(storage);
      expect(await storage.transfer.count(ANA)).toBe(1);
      expect(await storage.transfer.count(BOB)).toBe(0);
      const full = storage.transfer.restore(session(), pages(), 1);
      await expect(full).rejects.toMatchObject(failure("limit"));
      expect(await storage.transfer.count(ANA)).toBe(1);
    });
  });

  describe("a session that goes on", () => {
    async function begun(opened: Opened): Promise<string> {
      const { storage, clock } = opened;
      const one = session({ lastActiveAt: clock.now() });
      await restore(storage, one, CONTENT);
      clock.advance(10);
      return one.id;
    }

    it("takes new messages, new values and settled statuses, and was active", async () => {
      const opened = await open();
      const { storage, clock } = opened;
      const id = await begun(opened);
      const settled = message(1, { requestKey: "r", status: "complete" });
      const news = [key("a", { version: 8, value: "2" }), key("z"), settled, message(4)];
      await storage.transfer.extend(id, 3, pages(news, [message(5)]));
      const [head, ...content] = await read(storage, id);
      expect(head).toMatchObject({ session: { lastActiveAt: clock.now() } });
      const [, second, , ...others] = CONTENT;
      const expected = [
        news[0],
        news[1],
        second,
        settled,
        ...others.slice(0, 2),
        message(4),
        message(5),
      ];
      expect(content.map((piece) => JSON.stringify(piece)).toSorted()).toEqual(
        expected.map((piece) => JSON.stringify(piece)).toSorted(),
      );
    });

    it.each([["another message of the same number", message(3, { content: "else" })]])(
      "takes nothing of a page with %s",
      async (_, wrong) => {
        const opened = await open();
        const { storage } = opened;
        const id = await begun(opened);
        const before = (await read(storage, id)).slice(1);
        await expect(
          storage.transfer.extend(id, 3, pages([key("a", { value: "2" }), wrong])),
        ).rejects.toMatchObject(failure("conflict"));
        expect((await read(storage, id)).slice(1)).toEqual(before);
      },
    );

    it("takes nothing when it is not as long as it was", async () => {
      const opened = await open();
      const { storage } = opened;
      const id = await begun(opened);
      for (const after of [2, 4])
        await expect(
          storage.transfer.extend(id, after, pages([message(after + 1)])),
        ).rejects.toMatchObject(failure("conflict"));
      await storage.transfer.extend(id, 3, pages([message(7)]));
      expect(await storage.sessions.counts(id)).toMatchObject({ messages: 4 });
      expect(await say(storage, id, "next")).toMatchObject({ seq: 8 });
    });

    it("takes nothing while a question is being answered, or when it is gone", async () => {
      const opened = await open();
      const { storage } = opened;
      const id = await begun(opened);
      const instanceId = await newInstance(opened);
      await storage.history.beginTurn(id, { instanceId, prompt: "Who?" });
      await expect(storage.transfer.extend(id, 3, pages([message(5)]))).rejects.toMatchObject(
        failure("busy"),
      );
      await storage.sessions.delete(id);
      await expect(storage.transfer.extend(id, 3, pages([message(5)]))).rejects.toMatchObject(
        failure("not_found"),
      );
    });
  });

  describe("a snapshot", () => {
    it("is of one moment, whatever is written meanwhile", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      for (let n = 1; n <= 20; n += 1) await say(storage, id, `${n}`);
      await put(storage, id, "k", "1");
      const found: TransferRecord[] = [];
      for await (const piece of storage.transfer.snapshot(id)) {
        if (found.length === 0) {
          await say(storage, id, "late");
          await put(storage, id, "k", "2");
        }
        if (found.length === 3) await storage.sessions.clear(id, "all");
        if (found.length === 5) await storage.sessions.delete(id);
        found.push(piece);
      }
      expect(found[0]).toMatchObject({ counts: { messages: 20, stateKeys: 1 } });
      expect(found[1]).toMatchObject({ entry: { value: "1" } });
      expect(found.slice(2)).toHaveLength(20);
      expect(found.at(-1)).toMatchObject({ message: { seq: 20, content: "20" } });
    });

    it("can be left early, again and again", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      for (let n = 1; n <= 5; n += 1) await say(storage, id, `${n}`);
      for (let n = 0; n < 50; n += 1)
        for await (const piece of storage.transfer.snapshot(id))
          if (piece.type !== "session") break;
      expect(await read(storage, id)).toHaveLength(6);
    });

    it("has nothing of what has expired or is not there", async () => {
      const { storage, clock } = await open();
      const { id } = await newSession(storage);
      const expiresAt = clock.now() + 5;
      await storage.state.set(id, { key: "k", value: "1", expiresAt, maxKeys: 9 });
      expect(await read(storage, id)).toHaveLength(2);
      clock.advance(5);
      expect(await read(storage, id)).toMatchObject([{ counts: { stateKeys: 0 } }]);
      clock.advance(MAX_AGE);
      expect(await read(storage, id)).toEqual([]);
      expect(await read(storage, newId())).toEqual([]);
    });
  });

  it("a list without an owner is everybody's", async () => {
    const { storage, clock } = await open();
    const ids = [];
    for (const owner of [ANA, BOB, ANA]) {
      ids.push((await newSession(storage, { owner })).id);
      clock.advance(1);
    }
    const first = await storage.sessions.list(undefined, { limit: 2 });
    expect(first.sessions.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
    const rest = await storage.sessions.list(undefined, { limit: 2, cursor: first.nextCursor! });
    expect(rest.sessions.map(({ id }) => id)).toEqual([ids[0]]);
  });
}
