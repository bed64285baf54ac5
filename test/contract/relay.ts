// The contract of RelayStore: messages of a client that another process waits for.
import { describe, expect, it } from "vitest";
import { MAX_RELAYED, RELAY_MS } from "../../src/clients/relay.ts";
import { newClient, newInstance, type Open } from "./engine.ts";

export function relayContract(open: Open): void {
  describe("relayed messages", () => {
    it("are listed in order, for their clients alone", async () => {
      const opened = await open();
      const { relay } = opened.storage;
      await newInstance(opened);
      await newInstance(opened);
      const [one, two] = [await newClient(opened), await newClient(opened)];
      await relay.post(one.id, ["a", "b"]);
      await relay.post(two.id, ["c"]);
      await relay.post(one.id, ["d"]);
      const data = async (...ids: string[]) => (await relay.list(ids)).map(({ data }) => data);
      expect(await data(one.id)).toEqual(["a", "b", "d"]);
      expect(await data(one.id, two.id)).toEqual(["a", "b", "c", "d"]);
      expect(await data()).toEqual([]);
      const ids = (await relay.list([one.id, two.id])).map(({ id }) => id);
      expect(new Set(ids).size).toBe(4);
    });

    it("are not written while one process is alone", async () => {
      const opened = await open();
      const { relay } = opened.storage;
      const { id } = await newClient(opened);
      await newInstance(opened);
      await relay.post(id, ["to nobody"]);
      expect(await relay.list([id])).toEqual([]);
    });

    it("are kept for a while, in a bounded number, and go with their client", async () => {
      const opened = await open();
      const { relay, clients } = opened.storage;
      await newInstance(opened);
      await newInstance(opened);
      const { id } = await newClient(opened);
      await relay.post(id, ["old"]);
      opened.clock.advance(RELAY_MS + 1);
      expect(await relay.list([id])).toEqual([]);
      await relay.post(
        id,
        Array.from({ length: MAX_RELAYED + 9 }, (_, n) => `${n}`),
      );
      const kept = await relay.list([id]);
      expect(kept).toHaveLength(MAX_RELAYED);
      expect(kept.at(-1)!.data).toBe(`${MAX_RELAYED + 8}`);
      await clients.end(id);
      await clients.deleteExpired();
      expect(await relay.list([id])).toEqual([]);
      if (opened.rows) expect(await opened.rows()).not.toHaveProperty("relayed");
      await relay.post("nobody", ["lost"]);
      expect(await relay.list(["nobody"])).toEqual([]);
    });
  });
}
