// Rights that end while a call runs: it writes nothing more, whatever it tries.
import { expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { toAppError } from "../../src/lib/errors.ts";
import type { SessionHandle } from "../../src/tools/session/session-handle.ts";
import { gate } from "../support/here.ts";
import { Program } from "../support/oauth-program.ts";
import { Person } from "../support/oauth.ts";
import {
  introduceWithKey,
  keyedClient,
  type KeyedServer,
  serveWithKeys,
} from "../support/people.ts";
import { contents, sharedSession } from "../support/shared-session.ts";

type Write = (session: SessionHandle, signal: AbortSignal) => Promise<unknown>;

const WRITES: Record<string, Write> = {
  "state.set": (session) => session.state.set("cat", "Eve"),
  "state.update": (session) => session.state.update("cat", () => "Eve"),
  "state.delete": (session) => session.state.delete("cat"),
  "history.append": (session) => session.history.append({ role: "user", content: "Late" }),
  ask: (session, signal) => session.ask({ prompt: "Late?", signal }),
  update: (session) => session.update({ title: "Late" }),
  clear: (session) => session.clear("all"),
  deleteMessages: (session) => session.deleteMessages([1]),
  share: (session) => session.share({ principal: "eve", access: "write" }),
  unshare: (session) => session.unshare("rita"),
  delete: (session) => session.delete(),
};

/** A server with a tool that waits in the middle, and then tries to write in every way; it says how each one ended. */
async function serveLate() {
  const [begun, ended] = [gate(), gate()];
  const late = defineTool({
    name: "late",
    description: "Writes late.",
    input: z.object({}),
    async handler({ session, signal }) {
      begun.open();
      await ended.wait;
      const outcomes: Record<string, string> = {};
      for (const [name, write] of Object.entries(WRITES))
        outcomes[name] = await write(session, signal).then(
          () => "done",
          (error: unknown) => toAppError(error).code,
        );
      return { outcomes };
    },
  });
  return {
    server: await serveWithKeys({ "auth-server": "true" }, { tools: [late] }),
    begun,
    ended,
  };
}

const each = (code: string) => Object.fromEntries(Object.keys(WRITES).map((name) => [name, code]));

/**
 * Will's call runs while `end` takes his right away; resolves to how his writes ended. `credentials` makes of his key what
 * he calls with.
 */
async function whileRunning(
  end: (
    server: KeyedServer,
    share: (tool: string, more?: object) => Promise<unknown>,
    key: string,
  ) => Promise<unknown>,
  credentials: (server: KeyedServer, key: string) => Promise<string> = (_, key) =>
    Promise.resolve(key),
) {
  const { server, begun, ended } = await serveLate();
  const ana = await server.person("ana");
  const session = await sharedSession(ana);
  const key = await server.key("will");
  const shown = await credentials(server, key);
  const will = keyedClient(server.url, await introduceWithKey(server.url, shown), shown);
  const running = will.call("late", { session });
  await begun.wait;
  const share = (tool: string, more = {}) =>
    ana.call(tool, { session, principal: "will", ...more });
  await end(server, share, key);
  const before = contents(server.folder, session);
  ended.open();
  const { data } = await running;
  expect(contents(server.folder, session)).toEqual(before);
  return data["outcomes"] as Record<string, string>;
}

it("a session that is shared no longer takes nothing from a call that runs on", async () => {
  const outcomes = await whileRunning((_, share) => share("session_unshare"));
  const owners = { share: "forbidden", unshare: "forbidden", delete: "forbidden" }; // they were never Will's
  expect(outcomes).toEqual({ ...each("not_found"), ...owners });
});

it("a session that may only be read by now takes nothing either", async () => {
  const outcomes = await whileRunning((_, share) => share("session_share", { access: "read" }));
  expect(outcomes).toEqual(each("forbidden"));
});

it("a key that is revoked writes nothing more", async () => {
  const outcomes = await whileRunning(({ app }, _, key) => app.keys.revoke(key.split("_")[1]!));
  expect(outcomes).toEqual(each("forbidden"));
});

const tokenOf = async (server: KeyedServer, key: string): Promise<string> => {
  const program = await Program.registered(server.url);
  return (await program.tokens(new Person(server.url, key))).access_token;
};

it("a token whose grant is revoked writes nothing more", async () => {
  const outcomes = await whileRunning(async ({ app }) => {
    const [grant] = await app.grants.list("will");
    await app.grants.revoke(grant!.id);
  }, tokenOf);
  expect(outcomes).toEqual(each("forbidden"));
});

it("a token writes nothing more once the key is revoked that its person signed in with", async () => {
  const outcomes = await whileRunning(
    ({ app }, _, key) => app.keys.revoke(key.split("_")[1]!),
    tokenOf,
  );
  expect(outcomes).toEqual(each("forbidden"));
});
