// Who counts as dead: a process that has ended, at once; one whose heartbeat stands still, unless it is there all the same
// or the judge itself was kept from writing.
import { spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { Instances } from "../../src/instances/instances.ts";
import { HOST } from "../../src/instances/liveness.ts";
import type { Instance, Work } from "../../src/instances/store.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate, serveHere } from "../support/here.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { introduce, post, rpc } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

const BEAT = 5_000;

/** A process that watches another one; `heartbeat` stands for its own write. */
function watching(other: Partial<Instance>) {
  const file = join(temporaryFolder(), "database");
  writeFileSync(file, "");
  const clock = new ManualClock();
  const times = { startedAt: 0, heartbeatAt: 0 };
  const row = { id: "other", host: "elsewhere", pid: 1, ...times, serves: false, ...other };
  const rows = new Map([[row.id, row]]);
  const parts = {
    ...{ given: 0, dead: 0, abandoned: [] as Work[], stored: [] as Work[], atWork: [] as Work[] },
    heartbeat: async (): Promise<boolean> => false,
  };
  const instances = new Instances(
    {
      file,
      heartbeat: () => parts.heartbeat(),
      list: async () => [...rows.values()],
      remove: async (id) => (rows.delete(id), 0),
      work: async () => parts.stored,
      abandon: async (_, work) => void parts.abandoned.push(...work),
      claim: async () => true,
    },
    clock,
    {
      atWork: () => parts.atWork,
      onInterrupted: () => undefined,
      onDead: () => void (parts.dead += 1),
      adopt: async () => undefined,
      giveUp: async () => (parts.given += 1),
    },
    (error) => {
      throw error;
    },
  );
  /** So many beats, five seconds apart. Returns whether the other one is still taken for alive. */
  const beats = async (count: number): Promise<boolean> => {
    for (let n = 0; n < count; n += 1) {
      clock.advance(BEAT);
      await instances.beat().catch(() => undefined);
    }
    return rows.has(row.id);
  };
  return { file, clock, row, parts, beats, instances };
}

/** A process that does nothing; it has `file` open. */
function idle(file?: string): number {
  const descriptor = file === undefined ? undefined : openSync(file, "r");
  const stdio: StdioOptions = [descriptor ?? "ignore", "ignore", "ignore"];
  const child = spawn("sleep", ["60"], { stdio });
  if (descriptor !== undefined) closeSync(descriptor);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  return child.pid!;
}

it("a process whose heartbeat stands still is dead after 15 seconds, and one that goes on is not", async () => {
  const { parts, row, beats } = watching({});
  expect(await beats(4)).toBe(true);
  row.heartbeatAt = 1;
  expect(await beats(4)).toBe(true);
  expect(parts.dead).toBe(0);
  expect(await beats(1)).toBe(false);
  expect(parts.dead).toBe(1);
});

it("a process abandons stored work that it did not do at two looks, and no other", async () => {
  const { parts, beats } = watching({});
  const call = (id: string): Work => ({ kind: "call", id });
  parts.stored = [call("running"), call("stray")];
  parts.atWork = [call("running")];
  await beats(1);
  parts.stored = [...parts.stored, call("begun just now")];
  expect(parts.abandoned).toEqual([]);
  await beats(1);
  expect(parts.abandoned).toEqual([call("stray")]);
});

it("processes that serve are counted, as long as they live", async () => {
  const { instances, row, beats } = watching({});
  await beats(1);
  expect(instances.serving).toBe(1);
  row.serves = true;
  await beats(1);
  expect(instances.serving).toBe(2);
  await beats(4); // its heartbeat stands still
  expect(instances.serving).toBe(1);
});

describe("on this host", () => {
  it("a process that has ended is dead at once, and so is one that had this one's id", async () => {
    const gone = spawn("true");
    await once(gone, "exit");
    for (const pid of [gone.pid!, process.pid])
      expect(await watching({ host: HOST, pid }).beats(1)).toBe(false);
  });

  it.runIf(process.platform === "linux")(
    "a process that has the database open is not dead, however long it is silent",
    async () => {
      const { file, row, beats } = watching({ host: HOST });
      row.pid = idle(file);
      expect(await beats(100)).toBe(true);
      row.pid = idle(); // another one has the id now
      expect(await beats(5)).toBe(false);
    },
  );

  it.runIf(process.platform === "linux")(
    "what was seen before the machine was started is dead at once, and no other machine of the name",
    async () => {
      const host = HOST.replace(/\S+$/, "another-boot");
      expect(await watching({ host, heartbeatAt: 0 }).beats(1)).toBe(false);
      const heartbeatAt = new ManualClock().now() + BEAT;
      expect(await watching({ host, heartbeatAt }).beats(4)).toBe(true);
    },
  );
});

describe("whoever was kept from writing", () => {
  it.each(["late", "never"])("judges nobody: its own heartbeat came %s", async (when) => {
    const { clock, parts, beats } = watching({});
    await beats(1);
    parts.heartbeat = async () => {
      clock.advance(4_000);
      if (when === "never") throw new Error("busy");
      return false;
    };
    expect(await beats(10)).toBe(true);
    parts.heartbeat = async () => false;
    expect(await beats(3)).toBe(true);
    expect(await beats(2)).toBe(false);
  });

  it("nor does one that has slept", async () => {
    const { clock, beats } = watching({});
    await beats(3);
    clock.advance(60_000);
    expect(await beats(4)).toBe(true);
  });
});

it("what others have taken over stops here as soon as that is known, and the client goes on", async () => {
  const [begun, stopped] = [gate(), gate()];
  const tool = defineTool({
    name: "silent",
    description: "Says nothing, and never ends by itself.",
    input: z.object({}),
    async handler({ signal }) {
      begun.open();
      await once(signal, "abort");
      stopped.open();
    },
  });
  const { url, folder } = await serveHere({ tools: [tool] });
  const client = await introduce(url);
  await post(url, rpc("tools/call", { name: "silent", arguments: {} }, 7), client.headers);
  await begun.wait;
  // As another process does that takes this one for dead.
  openDatabase(folder, { readonly: false }).exec(
    "DELETE FROM instances; UPDATE open_requests SET instance_id = 'another'",
  );
  await stopped.wait;
  expect((await client.call("session_list")).isError).toBe(false);
  expect(rows(folder, "SELECT pid FROM instances")).toEqual([{ pid: process.pid }]);
});

it("a process that was taken for dead is registered anew, and gives up what others have taken over", async () => {
  const { parts, beats } = watching({});
  parts.heartbeat = async () => true;
  await beats(1);
  expect(parts.given).toBe(0); // it was not there before
  await beats(1);
  expect(parts.given).toBe(1);
  parts.heartbeat = async () => false;
  await beats(1);
  expect(parts.given).toBe(1);
});
