// The contract of InstanceStore.
import { describe, expect, it } from "vitest";
import type { Open } from "./engine.ts";

const INSTANCE = { id: "i-1", host: "h", pid: 7, startedAt: 1, heartbeatAt: 1 };

export function instanceContract(open: Open): void {
  describe("instances", () => {
    it("are listed as they registered, with their last heartbeat", async () => {
      const { storage } = await open();
      const other = { ...INSTANCE, id: "i-2", pid: 8 };
      await storage.instances.heartbeat(INSTANCE);
      await storage.instances.heartbeat(other);
      await storage.instances.heartbeat({ ...INSTANCE, heartbeatAt: 5 });
      const listed = await storage.instances.list();
      expect(listed.toSorted((a, b) => a.pid - b.pid)).toEqual([
        { ...INSTANCE, heartbeatAt: 5 },
        other,
      ]);
    });

    it("are forgotten when removed, and registered anew by the next heartbeat", async () => {
      const { storage } = await open();
      expect(await storage.instances.heartbeat(INSTANCE)).toBe(true);
      expect(await storage.instances.heartbeat(INSTANCE)).toBe(false);
      await storage.instances.heartbeat({ ...INSTANCE, id: "i-2" });
      await storage.instances.remove("i-1");
      await storage.instances.remove("nobody");
      expect(await storage.instances.list()).toEqual([{ ...INSTANCE, id: "i-2" }]);
      expect(await storage.instances.heartbeat({ ...INSTANCE, heartbeatAt: 9 })).toBe(true);
      expect(await storage.instances.list()).toHaveLength(2);
    });

    it("stay when they have given a sign of life since they seemed dead", async () => {
      const { storage } = await open();
      await storage.instances.heartbeat(INSTANCE);
      await storage.instances.heartbeat({ ...INSTANCE, heartbeatAt: 5 });
      await storage.instances.remove("i-1", INSTANCE.heartbeatAt);
      expect(await storage.instances.list()).toHaveLength(1);
      await storage.instances.remove("i-1", 5);
      expect(await storage.instances.list()).toEqual([]);
    });
  });
}
