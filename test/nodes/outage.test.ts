// A database server that cannot be reached for a while: calls are refused for as long, and the node goes on by itself.
import { once } from "node:events";
import { type AddressInfo, connect as connectTo, createServer, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { serveHere } from "../support/here.ts";
import { emptyDatabase } from "../support/postgres.ts";
import { introduce, post, rpc } from "../support/raw.ts";

/** A way to a database that can be broken and mended. */
async function breakable(url: string) {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let isWhole = true;
  const server = createServer((near) => {
    if (!isWhole) return void near.destroy();
    const far = connectTo(Number(target.port), target.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const way = new URL(url);
  way.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: way.href,
    cut(): void {
      isWhole = false;
      for (const socket of sockets) socket.destroy();
    },
    mend(): void {
      isWhole = true;
    },
  };
}

it("refuses calls while the database is away, and goes on when it is back", async () => {
  const database = await breakable((await emptyDatabase()).url);
  const { url } = await serveHere({ config: { "database-url": database.url } });
  const client = await introduce(`${url}?name=work`);
  await client.call("state_set", { key: "before", value: 1 });
  const ready = async (): Promise<number> => (await fetch(url.replace("/mcp", "/readyz"))).status;
  expect(await ready()).toBe(200);

  database.cut();
  const set = { name: "state_set", arguments: { key: "during", value: 2 } };
  const refused = await client.post(rpc("tools/call", set, 9));
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await refused.text()).toContain("The database does not answer. Try again in a moment.");
  const introduced = await post(
    url,
    rpc("initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "x", version: "1" },
    }),
  );
  expect(introduced.status).toBe(503);
  expect(await ready()).toBe(503);

  database.mend();
  await expect.poll(ready).toBe(200);
  expect((await client.call("state_set", { key: "after", value: 3 })).isError).toBe(false);
  const { data } = await client.call("state_list");
  expect(data["entries"].map(({ key }: { key: string }) => key)).toEqual(["after", "before"]);
});
