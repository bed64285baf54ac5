// A client that introduces itself and never comes back with its id is soon gone; one that came back keeps its age.
import { expect, it } from "vitest";
import { onTestFinished } from "vitest";
import { buildApp } from "../../src/app/app.ts";
import { asTexts, loadConfig, type Settings } from "../../src/config/config.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { initialize, post, rpc } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

const MINUTE = 60_000;

async function serve(config: Settings = {}) {
  const [clock, folder] = [new ManualClock(), temporaryFolder()];
  const flags = asTexts({ ...config, port: 0, "data-dir": folder });
  const app = await buildApp({ config: loadConfig({ flags }), clock });
  onTestFinished(() => app.stop());
  await app.start();
  const url = `${(await app.listen()).origin}/mcp`;
  /** Introduces a client that says nothing more; resolves to its id. */
  const introduced = async (): Promise<string> => {
    const answer = await post(url, initialize());
    await answer.text();
    return answer.headers.get("mcp-session-id")!;
  };
  const ping = async (id: string): Promise<number> =>
    (await post(url, rpc("ping"), { "mcp-session-id": id })).status;
  const clients = () => rows(folder, "SELECT id FROM clients").length;
  return { app, clock, introduced, ping, clients };
}

it("leaves no row that outlives the hour, and no session", async () => {
  const { app, clock, introduced, ping, clients } = await serve();
  const ids = await Promise.all(Array.from({ length: 20 }, introduced));
  const [once, late] = ids as [string, string];
  expect(await ping(once)).toBe(200); // in the millisecond of its introduction
  clock.advance(30 * MINUTE);
  await app.cleanup.run();
  expect(clients()).toBe(20);
  expect(await ping(late)).toBe(200);
  clock.advance(20 * MINUTE);
  await app.cleanup.run();
  expect(clients()).toBe(2);
  expect(await ping(ids[2]!)).toBe(404);
  clock.advance(24 * 60 * MINUTE);
  await app.cleanup.run();
  expect([await ping(once), await ping(late)]).toEqual([200, 200]);
  expect((await app.kept()).sessions).toBe(0);
});

it("makes room for others before one that came back does", async () => {
  const { clock, introduced, ping, clients } = await serve({ "max-clients": 3 });
  const kept = await introduced();
  expect(await ping(kept)).toBe(200);
  for (let i = 0; i < 10; i++) {
    clock.advance(1);
    await introduced();
  }
  expect(clients()).toBe(3);
  expect(await ping(kept)).toBe(200);
});
