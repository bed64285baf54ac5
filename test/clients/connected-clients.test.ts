// Who counts as connected to a process, and that noting it costs few writes.
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { ConnectedClients } from "../../src/clients/connected-clients.ts";
import { ManualClock } from "../support/manual-clock.ts";

const LINGER_MS = 30_000;

/** `notes` gives what was written: `+a` for a client that came, `-a` for one that left. */
function watch(store: () => Promise<void> = async () => undefined) {
  const clock = new ManualClock();
  const [notes, errors]: [string[], unknown[]] = [[], []];
  const clients = new ConnectedClients(
    clock,
    "here",
    {
      changeConnections: async (_instanceId, { added, removed }) => {
        await store();
        notes.push(...added.map((id) => `+${id}`), ...removed.map((id) => `-${id}`));
      },
    },
    (error) => errors.push(error),
  );
  onTestFinished(() => clients.close());
  /** Until all is written that is to be. */
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn++) await nextTurn();
  };
  return { clock, notes, errors, clients, settle };
}

it("a program that closes its last stream has left", async () => {
  const { notes, clients, settle } = watch();
  const leave = [clients.enter("a", "stream"), clients.enter("a", "stream")];
  clients.seen("a");
  await settle();
  leave[0]!();
  leave[0]!();
  await settle();
  expect(notes).toEqual(["+a"]);
  leave[1]!();
  await settle();
  expect(notes).toEqual(["+a", "-a"]);
});

it("a program that only posts has left half a minute after its last request, noted in two writes", async () => {
  const { clock, notes, clients, settle } = watch();
  const leave = clients.enter("a", "request");
  clock.advance(2 * LINGER_MS);
  clients.sweep();
  await settle();
  leave();
  for (let n = 0; n < 100; n++) {
    clock.advance(LINGER_MS - 1);
    clients.sweep();
    clients.seen("a");
    if (n % 10 === 0) await settle();
  }
  expect(new Set(notes)).toEqual(new Set(["+a"]));
  clock.advance(LINGER_MS);
  clients.sweep();
  await settle();
  expect(notes.at(-1)).toBe("-a");
});

it("a program that comes and goes within one turn is not noted", async () => {
  const { notes, clients, settle } = watch();
  for (let n = 0; n < 100; n++) clients.enter("a", "stream")();
  await settle();
  expect(notes).toEqual([]);
});

it("what could not be written is written later", async () => {
  let full = true;
  const { notes, errors, clients, settle } = watch(async () => {
    if (full) throw new Error("full");
  });
  clients.enter("a", "stream");
  await settle();
  expect(errors).toHaveLength(1);
  full = false;
  clients.sweep();
  await settle();
  expect(notes).toEqual(["+a"]);
});
