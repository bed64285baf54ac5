// Nobody loses a conversation by surprise: what the last run has kept is announced for one cleanup interval before it goes.
import { expect, it, onTestFinished } from "vitest";
import { type App, buildApp } from "../../src/app/app.ts";
import { LOCAL } from "../../src/auth/principal.ts";
import { asTexts, loadConfig, type Settings } from "../../src/config/config.ts";
import type { Consent } from "../../src/jobs/cutoff.ts";
import { openDatabase, rowCounts } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ManualClock } from "../support/manual-clock.ts";

const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];
const INTERVAL = 10 * MINUTE;

function openFolder() {
  const [folder, clock] = [temporaryFolder(), new ManualClock()];
  /** A process on the folder, as it is before its first cleanup. */
  const start = async (settings: Settings = {}): Promise<App> => {
    const flags = asTexts({ ...settings, "data-dir": folder, "log-level": "silent" });
    const app = await buildApp({ config: loadConfig({ flags }), clock });
    onTestFinished(() => app.stop());
    return app;
  };
  return {
    ...{ folder, clock, start },
    /** A whole run of a process: a cleanup at its start and nothing more. */
    async serveOnce(settings: Settings = {}): Promise<void> {
      const app = await start(settings);
      await app.cleanup.run();
      await app.stop();
    },
    stored: () => rowCounts(openDatabase(folder))["sessions"] ?? 0,
  };
}

/** Sessions that were used a minute apart, the last one now. */
async function fill(app: App, clock: ManualClock, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    if (n > 0) clock.advance(MINUTE);
    const { session } = await app.sessions.open(LOCAL, { name: `${n}` });
    ids.push(session.id);
  }
  return ids;
}

const deleted = async (app: App, consent?: Consent) => (await app.cleanup.run(consent)).session;
const isThere = async (app: App, id: string) =>
  (await app.operator.find(id, "local")) !== undefined;

it("without max-age nothing goes, however old it is; what stayed empty and programs have ages of their own", async () => {
  const { clock, start, stored } = openFolder();
  const app = await start();
  await fill(app, clock, 3);
  const bare = (await app.sessions.open(LOCAL)).session;
  await app.cleanup.run();
  expect(app.sessions.expiresAt({ ...bare, messages: 0, stateKeys: 0 })).toBe(
    clock.now() + 30 * DAY,
  );
  clock.advance(1_000 * DAY);
  expect(await app.cleanup.run()).toMatchObject({ session: 1 });
  expect([stored(), await isThere(app, bare.id)]).toEqual([3, false]);
  expect(await app.kept()).toMatchObject({ sessions: 3, maxAgeMs: Infinity, due: 0 });
});

it("a shorter age waits for one interval, in which the sessions can be seen and used, and what is used stays", async () => {
  const { clock, start, stored } = openFolder();
  const before = await start();
  const ids = await fill(before, clock, 29);
  await before.cleanup.run();
  await before.stop();
  clock.advance(5 * SECOND);

  const app = await start({ "max-age": "1m" });
  expect(await deleted(app)).toBe(0);
  const until = clock.now() + INTERVAL;
  expect(await app.kept()).toMatchObject({ due: 0, waiting: { sessions: 28, until } });
  const first = (await app.operator.find(ids[0]!, "local"))!;
  expect(app.sessions.expiresAt(first)).toBe(until);
  clock.advance(INTERVAL - SECOND);
  expect(await deleted(app)).toBe(0);
  expect((await app.sessions.list(LOCAL, { limit: 50 })).sessions).toHaveLength(29);
  await app.sessions.find(LOCAL, { id: ids[0]! }); // a use
  clock.advance(SECOND);
  expect(await deleted(app)).toBe(28);
  expect([stored(), await isThere(app, ids[0]!)]).toEqual([1, true]);
  expect((await app.kept()).waiting).toBeUndefined();
});

it("another age within the interval saves them, and later the wait begins anew", async () => {
  const { clock, start, serveOnce, stored } = openFolder();
  const first = await start();
  await fill(first, clock, 3);
  await first.cleanup.run();
  await first.stop();
  clock.advance(HOUR);
  await serveOnce({ "max-age": "1m" });
  await serveOnce({ "max-age": "never" });
  clock.advance(INTERVAL);
  await serveOnce({ "max-age": "1m" });
  expect(stored()).toBe(3);
  clock.advance(INTERVAL);
  await serveOnce({ "max-age": "1m" });
  expect(stored()).toBe(0);
});

it("the wait goes on over starts, and a second process on the folder keeps to it", async () => {
  const { clock, start, serveOnce, stored } = openFolder();
  const first = await start();
  await fill(first, clock, 3);
  await first.cleanup.run();
  await first.stop();
  clock.advance(HOUR);
  await serveOnce({ "max-age": "1m" });
  clock.advance(INTERVAL - SECOND);
  await serveOnce({ "max-age": "1m" });
  const beside = await start({ "max-age": "1m" });
  expect(await deleted(beside)).toBe(0);
  expect((await beside.kept()).waiting).toEqual({ sessions: 3, until: clock.now() + SECOND });
  expect(stored()).toBe(3);
  clock.advance(SECOND);
  await serveOnce({ "max-age": "1m" });
  expect(stored()).toBe(0);
  expect(await deleted(beside)).toBe(0);
});

it.each(["while the program runs", "between two starts"])(
  "a clock that jumps ahead %s deletes nothing, and when it is put right nothing has happened",
  async (when) => {
    const { clock, start, stored } = openFolder();
    const settings = { "max-age": "30d" };
    let app = await start(settings);
    const [id] = await fill(app, clock, 3);
    await app.cleanup.run();
    const restart = async () => {
      if (when === "while the program runs") return;
      await app.stop();
      app = await start(settings);
    };
    clock.jump(60 * DAY);
    await restart();
    expect(await isThere(app, id!)).toBe(true);
    expect(await deleted(app)).toBe(0);
    expect((await app.kept()).waiting).toMatchObject({ sessions: 3 });
    clock.advance(INTERVAL / 2);
    expect(await deleted(app)).toBe(0);
    clock.jump(-60 * DAY);
    await restart();
    expect((await app.kept()).waiting).toBeUndefined();
    clock.advance(INTERVAL);
    expect([await deleted(app), stored()]).toEqual([0, 3]);
    clock.advance(30 * DAY - HOUR);
    expect([await deleted(app), stored()]).toEqual([0, 3]);
    clock.advance(HOUR);
    expect([await deleted(app), stored()]).toEqual([3, 0]);
  },
);

it("a jump after an announcement is a new surprise", async () => {
  const { clock, start, serveOnce, stored } = openFolder();
  const app = await start();
  const [old] = await fill(app, clock, 1);
  clock.advance(40 * DAY);
  await app.sessions.open(LOCAL, { name: "new" });
  await app.cleanup.run();
  await app.stop();
  await serveOnce({ "max-age": "30d" });
  clock.jump(60 * DAY);
  const later = await start({ "max-age": "30d" });
  expect(await deleted(later)).toBe(1); // it was announced, and its time has come
  expect([stored(), await isThere(later, old!)]).toEqual([1, false]);
  expect((await later.kept()).waiting?.sessions).toBe(1);
});

it("what expires in ordinary time, or soon after a stop, goes at once as ever", async () => {
  const { clock, start, stored } = openFolder();
  let app = await start({ "max-age": "1h" });
  const ids = await fill(app, clock, 3);
  await app.cleanup.run();
  clock.advance(HOUR - 2 * MINUTE);
  expect(await isThere(app, ids[0]!)).toBe(false);
  expect(await deleted(app)).toBe(1);
  await app.stop();
  clock.advance(MINUTE);
  app = await start({ "max-age": "1h" });
  expect([await deleted(app), stored()]).toEqual([1, 1]);
});

it("a folder of an earlier version loses nothing at its first start", async () => {
  const { folder, clock, start, serveOnce, stored } = openFolder();
  const first = await start({ "max-age": "30d" });
  await fill(first, clock, 3);
  await first.cleanup.run();
  await first.stop();
  openDatabase(folder, { readonly: false }).exec("DELETE FROM cutoffs; DELETE FROM retention");
  clock.advance(60 * DAY);
  await serveOnce();
  await serveOnce({ "max-age": "30d" });
  expect(stored()).toBe(3);
  clock.advance(INTERVAL);
  await serveOnce({ "max-age": "30d" });
  expect(stored()).toBe(0);
});

it("a cleanup by hand spares what the last run kept, unless it was told this age, or to delete all", async () => {
  const { clock, start, stored } = openFolder();
  const before = await start();
  await fill(before, clock, 1);
  clock.advance(2 * HOUR);
  for (const name of ["later", "too"]) await before.sessions.open(LOCAL, { name });
  clock.advance(HOUR);
  await before.cleanup.run();
  await before.stop();
  const cleanup = async (settings: Settings, consent?: Consent) => {
    const app = await start(settings);
    const preview = (await app.cleanup.preview(consent)).session;
    const done = await deleted(app, consent);
    await app.stop();
    return [preview, done, stored()];
  };
  expect(await cleanup({ "max-age": "3h" })).toEqual([0, 0, 3]);
  expect(await cleanup({ "max-age": "3h" }, "age")).toEqual([1, 1, 2]);
  clock.jump(60 * DAY); // no age excuses a clock that jumped
  expect(await cleanup({ "max-age": "3d" }, "age")).toEqual([0, 0, 2]);
  expect(await cleanup({ "max-age": "3d" }, "all")).toEqual([2, 2, 0]);
});
