// A client that has a connection is never taken for gone, and noting that costs few writes.
import { expect, it, onTestFinished } from "vitest";
import { ConnectedClients } from "../../src/clients/connected-clients.ts";
import { Presence } from "../../src/clients/presence.ts";
import { newId } from "../../src/lib/ids.ts";
import type { ClientStore } from "../../src/sessions/store.ts";
import { ManualClock } from "../support/manual-clock.ts";

const DAY_MS = 24 * 3_600_000;
const INTERVAL_MS = 30_000;

/** `notes` gives until when the client was said to be there, one number a write. */
function watch(present: (until: number) => Promise<void> = async () => undefined) {
  const clock = new ManualClock();
  const notes: number[] = [];
  const store = {
    present: (_ids: readonly string[], until: number) => {
      notes.push(until);
      return present(until);
    },
    changeConnections: async () => undefined,
  } as Partial<ClientStore> as ClientStore;
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const connected = new ConnectedClients(clock, newId(), store, onError);
  const presence = new Presence(clock, DAY_MS, store, connected, onError);
  onTestFinished(() => {
    presence.close();
    connected.close();
  });
  return { clock, notes, errors, presence };
}

it("connections that come and go in a moment are noted once", () => {
  const { clock, notes, presence } = watch();
  const began = clock.now();
  for (let n = 0; n < 100; n++) presence.enter("a")();
  expect(notes).toEqual([began + 2 * INTERVAL_MS]);
});

it("whoever connects is noted for half an interval beyond the next round of the timer, at least", () => {
  const { clock, notes, presence } = watch();
  for (let n = 0; n < 200; n++) {
    presence.enter("a")();
    expect(notes.at(-1)! - clock.now()).toBeGreaterThan(1.5 * INTERVAL_MS);
    clock.advance(INTERVAL_MS / 7);
  }
  expect(notes.length).toBeLessThan(60);
});

it("a note that could not be stored is made again with the next connection", async () => {
  let full = true;
  const { notes, errors, presence } = watch(async () => {
    if (full) throw new Error("full");
  });
  presence.enter("a")();
  await expect.poll(() => errors.length).toBe(1);
  full = false;
  presence.enter("a")();
  presence.enter("a")();
  expect(notes).toHaveLength(2);
});
