// The contract of VectorStore: what is left to embed, what is stored, and whose it is.
import { describe, expect, it } from "vitest";
import type { Storage } from "../../src/storage/storage.ts";
import { ANA, BOB, newSession, type Open, say } from "./engine.ts";

const vector = (...values: number[]): Float32Array => Float32Array.from(values);

/** Embeds all that is left; returns the texts in the order in which they came. */
async function embedAll({ vectors }: Storage, model: string): Promise<string[]> {
  const texts: string[] = [];
  for (;;) {
    const some = await vectors.unembedded(model, 2);
    if (some.length === 0) return texts;
    texts.push(...some.map(({ content }) => content));
    await vectors.add(
      model,
      some.map(({ id }) => ({ id, vector: vector(id, 1) })),
    );
  }
}

export function vectorsContract(open: Open): void {
  describe("vectors", () => {
    it("grow from the newest message on, each once, for each model", async () => {
      const { storage } = await open();
      const { id } = await newSession(storage);
      for (const text of ["one", "two", "three"]) await say(storage, id, text);
      expect(await embedAll(storage, "m")).toEqual(["three", "two", "one"]);
      await say(storage, id, "four");
      expect(await embedAll(storage, "m")).toEqual(["four"]);
      expect(await embedAll(storage, "other")).toHaveLength(4);
      const all = await storage.vectors.after({ session: id }, "m", 0, 9);
      expect(all.map(({ seq }) => seq)).toEqual(
        all.map(({ seq }) => seq).toSorted((a, b) => a - b),
      );
      expect(all[0]!.vector).toEqual(vector(all[0]!.id, 1));
      expect(await storage.vectors.after({ session: id }, "m", all[2]!.seq, 9)).toHaveLength(1);
      expect(await storage.vectors.forgetOthers("other", 3)).toBe(3);
      expect(await storage.vectors.forgetOthers("other", 3)).toBe(1);
      expect(await storage.vectors.after({ session: id }, "m", 0, 9)).toEqual([]);
      expect(await storage.vectors.after({ session: id }, "other", 0, 9)).toHaveLength(4);
    });

    it("are their owner's, and go with their messages", async () => {
      const { storage } = await open();
      const [mine, other] = [await newSession(storage), await newSession(storage, { owner: BOB })];
      await say(storage, mine.id, "mine");
      await say(storage, other.id, "his");
      await embedAll(storage, "m");
      const [one, ...more] = await storage.vectors.after({ principal: ANA }, "m", 0, 9);
      expect(more).toEqual([]);
      const his = (await storage.vectors.after({ session: other.id }, "m", 0, 9))[0]!;
      const shown = await storage.vectors.messages({ principal: ANA }, [his.id, one!.id]);
      expect(shown).toMatchObject([{ session: mine.id, message: { content: "mine" } }]);
      await storage.sessions.clear(mine.id, "history");
      expect(await storage.vectors.messages({ principal: ANA }, [one!.id])).toEqual([]);
      await storage.sessions.purged();
      expect(await storage.vectors.after({ principal: ANA }, "m", 0, 9)).toEqual([]);
      await storage.vectors.add("m", [{ id: one!.id, vector: vector(1) }]); // it is gone
      expect(await storage.vectors.after({ principal: ANA }, "m", 0, 9)).toEqual([]);
    });
  });
}
