// The contract of SessionStore.list: order, pages, cursors, search.
import { describe, expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import { hasOldMessages, type ListPart, type SessionStore } from "../../src/sessions/store.ts";
import { ANA, BOB, failure, MAX_AGE, newSession, type Open, say } from "./engine.ts";

/** All ids, page by page; `between` runs after each page. */
async function everyPage(
  store: SessionStore,
  limit: number,
  between: (page: string[]) => Promise<void> = async () => undefined,
): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list(ANA, { limit, ...(cursor !== undefined && { cursor }) });
    const ids = page.sessions.map(({ id }) => id);
    expect(ids.length).toBeLessThanOrEqual(limit);
    expect(ids.length).toBeGreaterThan(0); // a cursor promises more
    found.push(...ids);
    await between(ids);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

export function sessionListContract(open: Open): void {
  describe("the list of sessions", () => {
    it("has the newest activity first", async () => {
      const { storage, clock } = await open();
      const ids: string[] = [];
      for (let n = 0; n < 3; n += 1) {
        ids.push((await newSession(storage)).id);
        clock.advance(1);
      }
      await storage.sessions.touch(new Map([[ids[0]!, clock.now()]]));
      expect(await everyPage(storage.sessions, 10)).toEqual([ids[0], ids[2], ids[1]]);
    });

    it("shows the beginning of the newest message of each", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      await newSession(storage, { owner: BOB });
      const last = async (): Promise<(string | null)[]> =>
        (await storage.sessions.list(ANA, { limit: 9 })).sessions.map(({ lastLine }) => lastLine);
      expect(await last()).toEqual([null]);
      for (const text of ["first", "second ".repeat(99)]) await say(storage, id, text);
      expect(await last()).toEqual([expect.stringMatching(/^second second .{100,190}$/)]);
    });

    it("tells when the newest message was written, and whether the session was used long after", async () => {
      const { storage, clock } = await open();
      const { id } = await newSession(storage);
      const listed = async () => (await storage.sessions.list(ANA, { limit: 9 })).sessions[0]!;
      expect([(await listed()).lastMessageAt, hasOldMessages(await listed())]).toEqual([
        null,
        false,
      ]);
      await say(storage, id, "first");
      const at = clock.now();
      expect([(await listed()).lastMessageAt, hasOldMessages(await listed())]).toEqual([at, false]);
      await storage.sessions.touch(new Map([[id, clock.now() + 2 * 86_400_000]]));
      expect([(await listed()).lastMessageAt, hasOldMessages(await listed())]).toEqual([at, true]);
    });

    it("counts an owner's lasting sessions, now and at a later time", async () => {
      const { storage, clock } = await open();
      const filled = { title: "t" };
      await newSession(storage, filled);
      const pinned = await newSession(storage, filled);
      await storage.sessions.update(pinned.id, { pinned: true });
      await storage.sessions.create({ id: newId(), owner: ANA, keepMs: MAX_AGE });
      await newSession(storage, { ...filled, owner: BOB });
      clock.advance(MAX_AGE / 2);
      await newSession(storage, filled);
      const lasting = (inMs: number): Promise<number> => storage.sessions.lasting(ANA, inMs);
      expect(await Promise.all([0, MAX_AGE / 2 - 1, MAX_AGE / 2, MAX_AGE].map(lasting))).toEqual([
        ...[3, 3, 2, 1],
      ]);
    });

    it("has each session once, page by page, when all were active at the same moment", async () => {
      const { storage } = await open();
      const ids: string[] = [];
      for (let n = 0; n < 24; n += 1) ids.push((await newSession(storage)).id);
      await newSession(storage, { owner: BOB });
      const whole = await everyPage(storage.sessions, 100);
      expect(whole.toSorted()).toEqual(ids.toSorted());
      // 8 and 24 divide the number of sessions: the last page must not promise another.
      for (const limit of [1, 5, 8, 23, 24])
        expect(await everyPage(storage.sessions, limit)).toEqual(whole);
    });

    it("misses and repeats nothing when sessions of earlier pages go or are used meanwhile", async () => {
      const { storage, clock } = await open();
      for (let n = 0; n < 12; n += 1) {
        await newSession(storage);
        if (n % 4 === 3) clock.advance(1);
      }
      const whole = await everyPage(storage.sessions, 100);
      const found = await everyPage(storage.sessions, 3, async ([first, second]) => {
        clock.advance(1);
        await storage.sessions.delete(first!);
        await storage.sessions.touch(new Map([[second!, clock.now()]]));
      });
      expect(found).toEqual(whole);
    });

    it("refuses a cursor that is none of its own", async () => {
      const { storage } = await open();
      await newSession(storage);
      const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
      const wrong = [
        "",
        "x",
        "%%%",
        "😀",
        encoded({}),
        encoded([1]),
        encoded(["a", 1]),
        encoded(null),
      ];
      for (const cursor of wrong) {
        const list = storage.sessions.list(ANA, { limit: 10, cursor });
        await expect(list, JSON.stringify(cursor)).rejects.toMatchObject(failure("invalid"));
      }
    });

    it("is searched by text in names and titles, in any case", async () => {
      const { storage } = await open();
      const named = await newSession(storage, { name: "Holiday plans" });
      const titled = await newSession(storage, { title: "Where to go on HOLIDAY" });
      await newSession(storage, { name: "work", system: "holiday" });
      await newSession(storage);
      await newSession(storage, { owner: BOB, name: "holiday" });
      const search = async (query: string) =>
        (await storage.sessions.list(ANA, { limit: 10, query })).sessions.map(({ id }) => id);
      expect((await search("holiday")).toSorted()).toEqual([named.id, titled.id].toSorted());
      expect(await search("ay pl")).toEqual([named.id]);
      expect(await search("")).toHaveLength(4);
      expect(await search("nowhere")).toEqual([]);
    });

    it("is searched in any case beyond English too", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage, { title: "Übungen für Ärzte" });
      const found = await storage.sessions.list(ANA, { limit: 10, query: "übungen FÜR" });
      expect(found.sessions).toMatchObject([{ id }]);
    });

    it.each([
      { title: "ИЗ САДА", query: "сад" },
      { title: "İstanbul", query: "İST" },
      { title: "Aİ", query: "ai" },
      { title: "5 \u212a", query: "5 k" },
      { title: "ΟΔΟΣ", query: "ΟΔΟΣ" },
      { title: "庭の計画", query: "の計" },
      { title: "Straẞe 50%", query: "STRAẞE 50%" },
    ])("is searched by letters in any case, whatever their script: $query", async (one) => {
      const { storage } = await open();
      const { id } = await newSession(storage, { title: one.title });
      await newSession(storage, { title: "another" });
      const { sessions } = await storage.sessions.list(ANA, { limit: 10, query: one.query });
      expect(sessions).toMatchObject([{ id }]);
    });

    it.each(["%", "_", "\\", "50%", "%%", "'", '"', "a_b", "\\%", "😀"])(
      "is searched for %j as it stands, anywhere in a title",
      async (query) => {
        const { storage } = await open();
        await newSession(storage, { title: "plain axb 50 text" });
        const titles = [`${query} first`, `in ${query} between`, `last ${query}`];
        for (const title of titles) await newSession(storage, { title });
        const { sessions } = await storage.sessions.list(ANA, { limit: 10, query });
        expect(sessions.map(({ title }) => title).toSorted()).toEqual(titles.toSorted());
      },
    );

    it("shows only own ones, only those of others, or only pinned ones", async () => {
      const { storage } = await open();
      const [own, pinned, foreign] = [
        await newSession(storage),
        await newSession(storage),
        await newSession(storage, { owner: BOB }),
      ];
      await storage.sessions.update(pinned.id, { pinned: true });
      await storage.sessions.update(foreign.id, { pinned: true });
      await storage.sessions.grant(foreign.id, { principal: ANA, access: "read" }, 9);
      const ids = async (only: ListPart, cursor?: string) =>
        storage.sessions.list(ANA, { limit: 1, only, ...(cursor && { cursor }) });
      const [first, shared] = [await ids("own"), await ids("shared")];
      const second = await ids("own", first.nextCursor);
      expect([...first.sessions, ...second.sessions].map(({ id }) => id).toSorted()).toEqual(
        [own.id, pinned.id].toSorted(),
      );
      expect(second.nextCursor).toBeUndefined();
      expect(shared).toMatchObject({ sessions: [{ id: foreign.id, access: "read" }] });
      expect((await ids("pinned")).sessions).toMatchObject([{ id: pinned.id }]);
    });

    it("keeps to its search from page to page", async () => {
      const { storage } = await open();
      for (let n = 0; n < 5; n += 1) {
        await newSession(storage, { title: `tea ${n}` });
        await newSession(storage, { title: `coffee ${n}` });
      }
      const first = await storage.sessions.list(ANA, { limit: 3, query: "tea" });
      const rest = await storage.sessions.list(ANA, {
        limit: 3,
        query: "tea",
        cursor: first.nextCursor!,
      });
      const titles = [...first.sessions, ...rest.sessions].map(({ title }) => title);
      expect(titles.toSorted()).toEqual(["tea 0", "tea 1", "tea 2", "tea 3", "tea 4"]);
      expect(rest.nextCursor).toBeUndefined();
    });
  });
}
