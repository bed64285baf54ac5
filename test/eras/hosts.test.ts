// Hosts that keep no session, keep it for one call, or keep it while they run, on one server that is killed again and
// again: what one has stored without naming anything, all the others find.
import { expect, it } from "vitest";
import { bearer } from "../support/bearer.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { type CallTool, HOSTS, type Place } from "../support/hosts.ts";
import { startIssuer } from "../support/issuer.ts";
import { startServer } from "../support/process.ts";
import { calling, initialize, introduce, type Json, post, read, rpc } from "../support/raw.ts";

const names = Object.keys(HOSTS);

/** All keys of the state, and all messages, as this host sees them. */
async function everything(call: CallTool): Promise<{ keys: string[]; messages: string[] }> {
  const { entries } = await call("state_list", {});
  const { messages } = await call("history_get", {});
  return {
    keys: (entries as Json[]).map(({ key }) => key as string).toSorted(),
    messages: (messages as Json[]).map(({ content }) => content as string),
  };
}

it("what each host stores before a SIGKILL, all hosts find after it, and the next day", async () => {
  const folder = temporaryFolder();
  let server = await startServer({ folder });
  const place: Place = { url: server.url, folder, processes: [] };
  const killed = async (): Promise<void> => {
    await server.kill();
    server = await startServer({ folder, port: server.port });
  };

  const running = new Map<string, CallTool>();
  for (const [at, [name, start]] of Object.entries(HOSTS).entries()) {
    const call = await start(place);
    running.set(name, call);
    await call("state_set", { key: name, value: at });
    await call("history_append", { role: "user", content: name });
    // Not after each: that would be the same again.
    if (at % 4 === 3) await killed();
  }
  const stored = { keys: names.toSorted(), messages: names };
  for (const [name, call] of running) expect(await everything(call), name).toEqual(stored);

  for (const process of place.processes) process.signal("SIGKILL");
  await Promise.all(place.processes.map(({ exited }) => exited));
  await killed();
  for (const [name, start] of Object.entries(HOSTS))
    expect(await everything(await start(place)), `${name}, the next day`).toEqual(stored);

  const { sessions } = await running.get(names[0]!)!("session_list", {});
  expect(sessions).toMatchObject([{ name: "home" }]);
});

it("ChatGPT finds with search, and reads with fetch, what another host has stored", async () => {
  const { url, folder } = await serveHere();
  const [opencode, chatgpt] = await Promise.all(
    ["opencode", "ChatGPT"].map((word) =>
      HOSTS[names.find((name) => name.startsWith(word))!]!({ url, folder, processes: [] }),
    ),
  );
  await opencode!("history_append", { role: "user", content: "The walrus sleeps on ice." });
  const { results } = await chatgpt!("search", { query: "walrus" });
  expect(results).toHaveLength(1);
  expect((await chatgpt!("fetch", { id: results[0].id }))["text"]).toContain("sleeps on ice");
});

it("what a client stored that brought its id for one call only is found by list and by search", async () => {
  const { url } = await serveHere();
  const day = async () => introduce(url);
  await (await day()).call("state_set", { key: "colour", value: "teal" });
  await (await day()).call("history_append", { role: "user", content: "A walrus." });
  const next = await day();
  const { sessions } = (await next.call("session_list")).data;
  const values = await Promise.all(
    (sessions as Json[]).map(({ id }) => next.call("state_get", { session: id, key: "colour" })),
  );
  expect(values.map(({ data }) => data["value"])).toContain("teal");
  const { hits } = (await next.call("history_search", { query: "walrus", scope: "all" })).data;
  expect(hits).toHaveLength(1);
});

it("a program with another client_id and another token each day is the same person, at the same home", async () => {
  const issuer = await startIssuer();
  const folder = temporaryFolder();
  const config = { "auth-issuer": issuer.url };
  const calls = async (url: string, sub: string): Promise<CallTool> => {
    const client_id = crypto.randomUUID();
    const headers = bearer(await issuer.token({ sub, aud: url, client_id, azp: client_id }));
    await read(
      await post(url, initialize({ clientInfo: { name: client_id, version: "1" } }), headers),
    );
    return async (name, args) =>
      calling(await read(await post(url, rpc("tools/call", { name, arguments: args }), headers)))
        .data;
  };
  const first = await serveHere({ folder, config });
  await (
    await calls(first.url, "ana")
  )("state_set", { key: "colour", value: "teal" });
  await first.stop();
  const { url } = await serveHere({ folder, config });
  expect((await (await calls(url, "ana"))("state_get", { key: "colour" }))["value"]).toBe("teal");
  expect((await (await calls(url, "bob"))("state_get", { key: "colour" }))["found"]).toBe(false);
});
