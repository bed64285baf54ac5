// The contract of ApiKeyStore: keys as rows; what a key is worth is decided above.
import { describe, expect, it } from "vitest";
import type { ApiKey } from "../../src/auth/api-keys.ts";
import { ANA, BOB, type Open, type Opened } from "./engine.ts";

const newKey = ({ clock }: Opened, id: string, more: Partial<ApiKey> = {}): ApiKey => ({
  id,
  hash: Buffer.from("0001fe80ff", "hex"),
  principal: ANA,
  scope: "write",
  createdAt: clock.now(),
  lastUsedAt: null,
  expiresAt: null,
  revokedAt: null,
  ...more,
});

export function apiKeyContract(open: Open): void {
  describe("API keys", () => {
    it("are found by id as they were made, byte by byte", async () => {
      const opened = await open();
      const { apiKeys } = opened.storage;
      const key = newKey(opened, "a", { scope: "admin", expiresAt: opened.clock.now() + 1 });
      expect(await apiKeys.find("a")).toBeUndefined();
      await apiKeys.create(key);
      const found = (await apiKeys.find("a"))!;
      expect({ ...found, hash: Buffer.from(found.hash) }).toEqual(key);
      expect(await apiKeys.find("A")).toBeUndefined();
    });

    it("are listed the oldest first, those of one moment by their ids, whoever has them", async () => {
      const opened = await open();
      const { apiKeys } = opened.storage;
      expect(await apiKeys.list()).toEqual([]);
      await apiKeys.create(newKey(opened, "c", { principal: BOB }));
      await apiKeys.create(newKey(opened, "b"));
      opened.clock.advance(1);
      await apiKeys.create(newKey(opened, "a"));
      expect((await apiKeys.list()).map(({ id }) => id)).toEqual(["b", "c", "a"]);
    });

    it("are there from the first one on, whatever becomes of it", async () => {
      const opened = await open();
      const { apiKeys } = opened.storage;
      expect(await apiKeys.any()).toBe(false);
      await apiKeys.create(newKey(opened, "a", { expiresAt: opened.clock.now() - 1 }));
      expect(await apiKeys.any()).toBe(true);
      await apiKeys.revoke("a");
      expect(await apiKeys.any()).toBe(true);
    });

    it("are revoked once, at the time when that was asked for", async () => {
      const opened = await open();
      const { apiKeys } = opened.storage;
      await apiKeys.create(newKey(opened, "a"));
      await apiKeys.create(newKey(opened, "b"));
      await apiKeys.find("a"); // read, and perhaps remembered, before
      const revokedAt = opened.clock.now() + 5;
      opened.clock.advance(5);
      expect(await Promise.all([apiKeys.revoke("a"), apiKeys.revoke("a")])).toEqual([true, false]);
      opened.clock.advance(5);
      expect(await apiKeys.revoke("a")).toBe(false);
      expect(await apiKeys.revoke("nobody's")).toBe(false);
      expect(await apiKeys.find("a")).toMatchObject({ revokedAt });
      expect(await apiKeys.find("b")).toMatchObject({ revokedAt: null });
    });

    it("note when they were used", async () => {
      const opened = await open();
      const { apiKeys } = opened.storage;
      await apiKeys.create(newKey(opened, "a"));
      await apiKeys.create(newKey(opened, "b"));
      await apiKeys.find("a");
      await apiKeys.touch(
        new Map([
          ["a", 7],
          ["nobody's", 8],
        ]),
      );
      expect(await apiKeys.find("a")).toMatchObject({ lastUsedAt: 7 });
      expect(await apiKeys.find("b")).toMatchObject({ lastUsedAt: null });
      await apiKeys.revoke("a");
      await apiKeys.touch(new Map([["a", 9]]));
      expect(await apiKeys.find("a")).toMatchObject({
        lastUsedAt: 9,
        revokedAt: expect.any(Number),
      });
    });
  });
}
