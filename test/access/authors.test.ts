// Messages carry their author: the principal on whose call they were written, seen where that is not the owner.
import { expect, it } from "vitest";
import { listSessions } from "../../src/cli/sessions/list.ts";
import { searchSessions } from "../../src/cli/sessions/search.ts";
import { showSession } from "../../src/cli/sessions/show.ts";
import type { Terminal } from "../../src/cli/terminal/terminal.ts";
import { toLine } from "../../src/transfer/formats/jsonl.ts";
import { type Person, serveWithKeys } from "../support/people.ts";
import { rows } from "../support/rows.ts";
import { sitting } from "../support/terminal.ts";
import { appOn, exported, imported } from "../support/transfer.ts";

type Authored = { author?: string }[];
const authorsOf = (list: unknown) => (list as Authored).map(({ author }) => author);

async function read(who: Person, uri: string) {
  const [answer] = (await who.ask("resources/read", { uri })).messages;
  const { contents } = answer!["result"] as { contents: [{ text: string }] };
  return JSON.parse(contents[0].text) as Record<string, unknown>;
}

/** Ada's session `trip`, in which Bob may write, and did. */
async function setUp() {
  const server = await serveWithKeys();
  const [ada, bob] = [await server.person("ada"), await server.person("bob", "2025")];
  const opened = await ada.call("session_open", { name: "trip", title: "Lisbon in May" });
  const { session } = opened.data as { session: string };
  await ada.call("session_share", { session, principal: "bob", access: "write" });
  await bob.call("session_accept", { session });
  await ada.call("history_append", { session, role: "user", content: "Where is the tram?" });
  await bob.call("history_append", { session, role: "user", content: "The tram is blue." });
  await bob.call("chat", { session, prompt: "Which tram?" });
  return { ...server, ada, bob, session };
}

it("names the author of each message to programs, and to people where it is not the owner", async () => {
  const { folder, ada, bob, session } = await setUp();
  const authors = ["ada", "bob", "bob", "bob"];
  const got = await ada.call("history_get", { session });
  expect(authorsOf(got.data["messages"])).toEqual(authors);
  expect(got.says.split("\n").slice(0, 3)).toEqual([
    "#1 user: Where is the tram?",
    "#2 user (by bob): The tram is blue.",
    "#3 user (by bob): Which tram?",
  ]);
  expect(got.says).toContain("#4 assistant (for bob): ");

  const found = await ada.call("history_search", { session, query: "blue" });
  expect(authorsOf(found.data["hits"])).toContain("bob");
  expect(found.says).toContain("#2 user (by bob): ");
  const history = await read(ada, `holdfast://sessions/${session}/history`);
  expect(authorsOf(history["messages"])).toEqual(authors);
  const inSql = rows(folder, "SELECT author FROM conversation ORDER BY seq");
  expect(authorsOf(inSql)).toEqual(authors);

  const [prompt] = (
    await bob.ask("prompts/get", { name: "summarize_conversation", arguments: { session } })
  ).messages;
  expect(JSON.stringify(prompt)).toContain("#2 user (by bob): The tram");
  expect(JSON.stringify(prompt)).toContain("#1 user: Where");
});

it("names the owner of what is somebody else's where sessions are offered, and finds it by that", async () => {
  const { ada, bob, session } = await setUp();
  const listed = async (who: Person) => {
    const [answer] = (await who.ask("resources/list")).messages;
    const { resources } = answer!["result"] as { resources: { title: string; uri: string }[] };
    return resources
      .filter(({ uri }) => uri.startsWith("holdfast://sessions"))
      .map(({ title }) => title);
  };
  expect(await listed(ada)).toEqual(["Your sessions", "Lisbon in May"]);
  expect(await listed(bob)).toEqual(["Your sessions", "Lisbon in May (of ada)"]);

  const completed = async (who: Person) => {
    const [answer] = (
      await who.ask("completion/complete", {
        ref: { type: "ref/prompt", name: "continue_conversation" },
        argument: { name: "session", value: "tri" },
      })
    ).messages;
    return (answer!["result"] as { completion: { values: string[] } }).completion.values;
  };
  expect(await completed(ada)).toEqual(["trip"]);
  expect(await completed(bob)).toEqual(["trip (of ada)"]);
  for (const [who, named] of [
    [ada, "trip"],
    [bob, "trip (of ada)"],
    [bob, "Lisbon in May"],
  ] as const) {
    const asked = { name: "continue_conversation", arguments: { session: named } };
    expect((await who.ask("prompts/get", asked)).text).toContain(session);
  }
});

it("keeps authors through the terminal, a file and a fork, where they grant nothing", async () => {
  const { folder, app, bob, session } = await setUp();
  const settings = { "data-dir": folder };
  const print = async (act: (terminal: Terminal) => Promise<void>) => {
    const { terminal, output } = sitting();
    await act(terminal);
    return output();
  };
  const bobs = { principal: "bob" };
  const shown = await print((terminal) => showSession(settings, session, bobs, terminal));
  expect(shown).toMatch(/^You {2}#1 · (?!by)/m);
  expect(shown).toMatch(/^User {2}#2 · by bob · /m);
  expect(shown).toMatch(/^Assistant {2}#4 · for bob · /m);
  const hits = await print((terminal) =>
    searchSessions(settings, ["blue"], { ...bobs, limit: 1 }, terminal),
  );
  expect(hits).toContain("#2 user · by bob");
  const list = await print((terminal) =>
    listSessions(settings, { ...bobs, limit: 9, json: true }, terminal),
  );
  expect(JSON.parse(list)).toMatchObject([{ id: session, owner: "ada", access: "write" }]);

  const markdown = (await Array.fromAsync(app.transfer.export({ id: session }, "markdown"))).join(
    "",
  );
  expect(markdown).toMatch(/## 1\. user\n\n_[^·]*_\n/);
  expect(markdown).toMatch(/## 2\. user\n\n_.* · by bob_\n/);
  const forked = await bob.call("session_fork", { session });
  const copy = await bob.call("history_get", { session: forked.data["session"] });
  expect(authorsOf(copy.data["messages"])).toEqual(["ada", "bob", "bob", "bob"]);
  expect(copy.says).toContain("#1 user (by ada): ");

  const elsewhere = await appOn();
  await imported(elsewhere, await exported(app), { principal: "eve" });
  const pieces = await Array.fromAsync(elsewhere.transfer.read(session));
  const messages = pieces.flatMap((piece) => (piece.type === "message" ? [piece] : []));
  expect(messages.map(({ message }) => message.author)).toEqual(["ada", "bob", "bob", "bob"]);
  // What nobody knows the author of reads as files always did.
  const anonymous = { ...messages[0]!.message, author: null };
  expect(toLine({ type: "message", message: anonymous })).not.toContain("author");
  expect(await elsewhere.sessions.find({ id: "bob" }, { id: session })).toBeUndefined();
});

it("keeps the request keys of authors apart: nobody can take another's key", async () => {
  const { ada, bob, session } = await setUp();
  const squat = { role: "user", content: "Squat.", request_key: "1" };
  expect((await bob.call("history_append", { session, ...squat })).isError).toBe(false);
  const ask = () => ada.call("chat", { session, prompt: "May I deploy?", request_key: "1" });
  const [first, again] = [await ask(), await ask()];
  expect([first.isError, again.data]).toEqual([false, first.data]);
  const { data } = await ada.call("history_get", { session });
  expect(authorsOf(data["messages"]).slice(4)).toEqual(["bob", "ada", "ada"]);
});
