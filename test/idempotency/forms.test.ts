// What counts as a request key, as the same call, and as a tool's own business.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { serveHere } from "../support/here.ts";
import { eras, Worker } from "../support/keyed.ts";
import { codeOf } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

for (const [era, join] of Object.entries(eras)) {
  describe(`in the ${era} era`, () => {
    it.each([[1], [true], [{ key: "k" }], [["k"]]])(
      "a request key in _meta that is no text is refused: %j",
      async (key) => {
        const worker = new Worker();
        worker.letGo();
        const { url, folder } = await serveHere({ tools: [worker.tool("work")] });
        const { call } = await join(url);
        const wanted = { role: "user", content: "One" };
        for (const { messages } of [
          await call("work", {}, key),
          await call("history_append", wanted, key),
          await call("state_list", {}, key),
        ]) {
          expect(messages).toMatchObject([{ error: { code: -32602 } }]);
          expect(messages[0]!["error"].message).toContain("holdfast/request-key");
        }
        expect(worker.runs).toBe(0);
        expect(rows(folder, "SELECT * FROM messages")).toEqual([]);
      },
    );

    it("an empty key is none: the argument does not fall back on _meta, nor _meta on the argument", async () => {
      const { call } = await join((await serveHere()).url);
      const append = (args: object, key: string) =>
        call("history_append", { role: "user", content: "One", ...args }, key);
      expect((await append({ request_key: "k-1" }, "")).data).toMatchObject({ seq: 1 });
      expect((await append({}, "")).data).toMatchObject({ seq: 2 });
      expect((await append({ request_key: "k-1" }, "k-2")).data).toMatchObject({ seq: 1 });
    });

    it("the same arguments in another order are the same call", async () => {
      const { call } = await join((await serveHere()).url);
      const first = await call(
        "state_set",
        { key: "a", value: { x: 1, y: [{ p: 1, q: 2 }] } },
        "k",
      );
      const again = await call(
        "state_set",
        { value: { y: [{ q: 2, p: 1 }], x: 1 }, key: "a" },
        "k",
      );
      expect(again).toMatchObject({ isError: false, data: first.data });
      expect((await call("state_get", { key: "a" })).data).toMatchObject({ version: 1 });
      const other = await call("state_set", { key: "a", value: { x: 1, y: [] } }, "k");
      expect(codeOf(other)).toBe("conflict");
    });

    it("an argument of a tool's own that is called request_key means what the tool means", async () => {
      const seen: unknown[] = [];
      const lock = defineTool({
        name: "lock",
        description: "Turns a key.",
        input: z.object({ request_key: z.int() }),
        handler: ({ input }) => ({ turned: input.request_key, run: seen.push(input.request_key) }),
      });
      const { call } = await join((await serveHere({ tools: [lock] })).url);
      for (const run of [1, 2])
        expect((await call("lock", { request_key: 7 })).data).toMatchObject({ turned: 7, run });
      // The key in _meta is another thing.
      for (const _ of [1, 2])
        expect((await call("lock", { request_key: 8 }, "k-1")).data).toMatchObject({ run: 3 });
      expect(codeOf(await call("lock", { request_key: 9 }, "k-1"))).toBe("conflict");
      expect((await call("lock", {}, "k-2")).isError).toBe(true); // it is not filled in either
      expect(seen).toEqual([7, 7, 8]);
    });
  });
}
