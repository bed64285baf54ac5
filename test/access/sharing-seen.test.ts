// Sharing can be seen wherever sessions are shown, and a look at a name makes nothing.
import { expect, it } from "vitest";
import { callAs, createKey, introduceAs } from "../support/bearer.ts";
import { connect, VERSIONS } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { rows } from "../support/rows.ts";

it("lists, hits and resources tell whose a session is and what one may do with it", async () => {
  const folder = temporaryFolder();
  const { url } = await serveHere({ folder });
  const [ada, bob] = [
    (await createKey(folder, "--principal", "ada"))["key"] as string,
    (await createKey(folder, "--principal", "bob"))["key"] as string,
  ];
  const opened = await callAs(url, ada, "session_open", { name: "trip" });
  const { session } = opened.data as { session: string };
  expect(opened.data).toMatchObject({ owner: "ada", access: "own", expires_at: null });
  await callAs(url, ada, "history_append", { session, role: "user", content: "Lisbon in May" });

  const shared = await callAs(url, ada, "session_share", { session, principal: "bob" });
  expect(shared.data).toMatchObject({ known: true });
  await callAs(url, bob, "session_accept", { session });
  const misspelt = await callAs(url, ada, "session_share", { session, principal: "bbo" });
  expect(misspelt.data).toMatchObject({ known: false });
  expect(misspelt.says).toContain('Nobody called "bbo" has been seen here');

  const own = (await callAs(url, ada, "session_list")) as {
    data: Record<string, unknown>;
    says: string;
  };
  expect(own.data["sessions"]).toMatchObject([{ owner: "ada", access: "own", shared: true }]);
  expect(own.says).toContain(", shared)");
  const lent = await callAs(url, bob, "session_list");
  expect(lent.data["sessions"]).toMatchObject([{ owner: "ada", access: "read" }]);
  expect(lent.says).toContain("of ada: you may read it");
  expect((await callAs(url, bob, "session_info", { session })).says).toContain("of ada");
  const found = await callAs(url, bob, "history_search", { query: "lisbon", scope: "all" });
  expect(found.data["hits"]).toMatchObject([{ session, owner: "ada", access: "read" }]);
  expect(found.says).toContain("of ada");

  const client = await introduceAs(url, bob);
  const [answer] = (await client.ask("resources/read", { uri: "holdfast://sessions" })).messages;
  const { contents } = answer!["result"] as { contents: [{ text: string }] };
  expect(JSON.parse(contents[0].text)).toMatchObject({
    sessions: [{ owner: "ada", access: "read" }],
  });
});

for (const [version, pipe] of [
  ...VERSIONS.map((version) => [version, ""] as const),
  ...(["v1", "pinned"] as const).map((version) => [version, " over stdio"] as const),
]) {
  it(`a look at a name that nobody has used makes no session; a write does (${version}${pipe})`, async () => {
    const folder = temporaryFolder();
    const client = await connect(
      version,
      pipe
        ? { stdio: ["--data-dir", folder, "--name", "work"] }
        : { url: `${(await serveHere({ folder })).url}?name=work` },
    );
    const made = () => rows(folder, "SELECT name FROM sessions");
    expect((await client.call("state_get", { key: "k" })).data).toMatchObject({
      ...{ found: false, session: null },
    });
    expect((await client.call("history_get")).data["messages"]).toEqual([]);
    const info = await client.call("session_info");
    expect([info.isError, info.data["session"]]).toEqual([false, null]);
    await client.tools();
    expect([made(), rows(folder, "SELECT * FROM audit")]).toEqual([[], []]);
    await client.call("state_set", { key: "k", value: 1 });
    expect((await client.call("state_get", { key: "k" })).data).toMatchObject({ value: 1 });
    expect(made()).toEqual([{ name: "work" }]);
  });
}
