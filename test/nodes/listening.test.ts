import { once } from "node:events";
// The address of listen-url: a wrong one is named at the start, and a deaf one in the log and by the doctor.
import { connect, createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { checkServer } from "../../src/cli/doctor/server.ts";
import { loadConfig } from "../../src/config/config.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { address, PASSWORD } from "../support/database-roles.ts";
import { freePort } from "../support/ports.ts";
import { emptyDatabase } from "../support/postgres.ts";

/** Opens the storage, and keeps what it tells about hearing. */
async function open(url: string, listenUrl: string): Promise<{ storage: Storage; told: object[] }> {
  const told: object[] = [];
  const storage = await openStorage({
    ...{ folder: undefined, server: { url, listenUrl, poolSize: 4 } },
    ...{ durability: "full", clock: systemClock, expiry: {} },
    onHearing: (state) => void told.push(state),
  });
  onTestFinished(() => storage.close());
  return { storage, told };
}

const examined = async (url: string, listenUrl: string) => {
  const flags = { "database-url": url, "listen-url": listenUrl };
  return (await checkServer(loadConfig({ flags, env: {} }))).find(
    ({ check }) => check === "notifications",
  )!;
};

it("refuses to start with a wrong password, an unknown database or host, and names listen-url", async () => {
  const database = await emptyDatabase();
  const wrong = {
    "the password is wrong": address(database, { password: PASSWORD }),
    "this database does not exist": address(database, { pathname: "/nothing" }),
    "this host is unknown": "postgres://ada:x@nowhere.invalid/x",
  };
  for (const [reason, listenUrl] of Object.entries(wrong)) {
    const error: unknown = await open(database.url, listenUrl).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "AppError", code: "start" });
    const { message } = error as Error;
    expect(message).toMatch(/^listen-url /);
    expect(message).toContain(reason);
    expect(message).not.toContain(PASSWORD);
    expect(await examined(database.url, listenUrl)).toMatchObject({
      status: "fail",
      says: message,
    });
  }
});

it("starts where nobody listens yet, says so, and says when it hears", async () => {
  const database = await emptyDatabase();
  const port = await freePort();
  const listenUrl = address(database, { port: `${port}` });
  const { told } = await open(database.url, listenUrl);
  expect(told).toEqual([{ reason: expect.stringMatching(/^listen-url .*nobody listens/) }]);
  const target = new URL(database.url);
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const socket of [near, far]) socket.on("error", () => undefined);
    near.pipe(far).pipe(near);
  }).listen(port, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  await expect.poll(() => told.at(-1), { timeout: 30_000 }).toEqual({});
  expect(await examined(database.url, listenUrl)).toMatchObject({ status: "ok" });
});

it("warns once of an address from which no notification comes back", async () => {
  const database = await emptyDatabase();
  const { url: another } = await emptyDatabase();
  const { told } = await open(database.url, another);
  await expect.poll(() => told, { timeout: 30_000 }).toHaveLength(1);
  expect(told[0]).toMatchObject({ reason: expect.stringContaining("listen-url has to be") });
  // It waits for a notification as long as the server does, which is told of nothing more meanwhile.
  expect(await examined(database.url, another)).toMatchObject({ status: "warn" });
  expect(told).toHaveLength(1);
});
