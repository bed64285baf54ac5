// A `subscriptions/listen` stream of 2026-07-28: what it begins with, tells and ends with, and how many there may be.
import { describe, expect, it } from "vitest";
import { connect } from "../support/clients.ts";
import { openDatabase } from "../support/database.ts";
import { serveHere } from "../support/here.ts";
import { acknowledged, completed, listen, updated, uriOf } from "../support/listening.ts";
import { modernRequest, postModern } from "../support/modern.ts";
import { read } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

describe("a listen stream", () => {
  for (const id of ["news", 7]) {
    it(`begins with what is honored, and every notification names it (id ${JSON.stringify(id)})`, async () => {
      const { url } = await serveHere();
      const writer = await connect("v2", { url });
      const session = (await writer.call("session_open")).data.session as string;
      const uris = [uriOf("a", session), `holdfast://sessions/${session}/history`];
      const wanted = { toolsListChanged: true, promptsListChanged: true };
      const stream = await listen(url, { ...wanted, resourceSubscriptions: uris }, { id });
      await writer.call("state_set", { session, key: "b", value: 1 }); // not asked for
      await writer.call("state_set", { session, key: "a", value: 1 });
      await writer.call("history_append", { session, role: "user", content: "x" });
      expect(await stream.next()).toEqual(acknowledged({ resourceSubscriptions: uris }, id));
      expect(await stream.next()).toEqual(updated(uris[0]!, id));
      expect(await stream.next()).toEqual(updated(uris[1]!, id));
    });
  }

  it("is one of many: each gets its own news under its own id", async () => {
    const { url } = await serveHere();
    const writer = await connect("pinned", { url });
    const session = (await writer.call("session_open")).data.session as string;
    const [a, b] = [uriOf("a", session), uriOf("b", session)];
    const streams = await Promise.all([
      listen(url, { resourceSubscriptions: [a] }, { id: 1 }),
      listen(url, { resourceSubscriptions: [a, a, b] }, { id: 2 }),
    ]);
    for (const stream of streams) await stream.next();
    await writer.call("state_set", { session, key: "a", value: 1 });
    await writer.call("state_set", { session, key: "b", value: 1 });
    expect(await streams[0].next()).toEqual(updated(a, 1));
    expect(await streams[1].next()).toEqual(updated(a, 2));
    expect(await streams[1].next()).toEqual(updated(b, 2));
  });

  it("is told nothing of another principal's changes", async () => {
    const { url, folder } = await serveHere();
    const writer = await connect("pinned", { url });
    const session = (await writer.call("session_open")).data.session as string;
    const uris = ["before", "meanwhile", "after"].map((key) => uriOf(key, session));
    const stream = await listen(url, { resourceSubscriptions: uris });
    const database = openDatabase(folder, { readonly: false });
    const own = (owner: unknown) => database.prepare("UPDATE clients SET owner = ?").run(owner);
    const { owner } = rows(folder, "SELECT owner FROM clients")[0]!;
    await writer.call("state_set", { session, key: "before", value: 1 });
    own("eve");
    await writer.call("state_set", { session, key: "meanwhile", value: 1 });
    own(owner);
    await writer.call("state_set", { session, key: "after", value: 1 });
    await stream.next();
    expect(await stream.next()).toEqual(updated(uris[0]!));
    expect(await stream.next()).toEqual(updated(uris[2]!));
  });

  it.each([
    {},
    { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true },
    { resourceSubscriptions: [] },
  ])("with nothing honored is complete at once: %j", async (notifications) => {
    const { url } = await serveHere();
    const stream = await listen(url, notifications);
    expect(await stream.next()).toEqual(acknowledged({}));
    expect(await stream.next()).toMatchObject(completed());
    expect(await stream.next()).toBeUndefined();
  });

  it.each([
    undefined,
    null,
    "all",
    [],
    { resourceSubscriptions: "holdfast://sessions" },
    { resourceSubscriptions: [1] },
    { toolsListChanged: "yes" },
  ])("with wrong params is refused and leaves nothing: %j", async (notifications) => {
    const { url, folder } = await serveHere();
    const request = modernRequest("subscriptions/listen", { notifications });
    const { messages } = await read(await postModern(url, request));
    const message = expect.stringContaining("notifications") as string;
    expect(messages).toEqual([{ jsonrpc: "2.0", id: 1, error: { code: -32602, message } }]);
    expect(rows(folder, "SELECT * FROM clients")).toEqual([]);
  });

  it("takes 1,000 uris and no more", async () => {
    const { url, folder } = await serveHere();
    const uris = Array.from({ length: 1001 }, (_, n) => uriOf(`${n}`));
    const tooMany = { notifications: { resourceSubscriptions: uris } };
    const refused = await read(
      await postModern(url, modernRequest("subscriptions/listen", tooMany)),
    );
    expect(refused.messages).toMatchObject([{ id: 1, error: { code: -32602 } }]);
    expect(refused.text).toMatch(/1,?000/);
    expect(rows(folder, "SELECT * FROM subscriptions")).toEqual([]);
    const resourceSubscriptions = uris.slice(0, 1000);
    const stream = await listen(url, { resourceSubscriptions });
    expect(await stream.next()).toEqual(acknowledged({ resourceSubscriptions }));
    expect(rows(folder, "SELECT * FROM subscriptions")).toHaveLength(1000);
  });
});
