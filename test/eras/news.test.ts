// News of changes crosses eras, transports and processes: `subscriptions/listen` of 2026-07-28 beside
// `resources/subscribe` of 2025.
import { describe, expect, it } from "vitest";
import { connect, isModern, VERSIONS } from "../support/clients.ts";
import { serveCommand } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { uriOf, WAIT } from "../support/listening.ts";

it("every change reaches the followers of both eras, over both transports, whichever client and process made it", async () => {
  const folder = temporaryFolder();
  const server = await serveCommand({ folder });
  const stdio = { stdio: ["--data-dir", folder] };
  const writers = [
    ...(await Promise.all(VERSIONS.map((version) => connect(version, server)))),
    ...(await Promise.all([connect("v1", stdio), connect("pinned", stdio)])),
  ];
  const session = (await writers[0]!.call("session_open")).data.session as string;
  const uris = writers.map((_, i) => uriOf(`k${i}`, session));
  const listeners = [
    ...(await Promise.all(VERSIONS.map((version) => connect(version, server)))),
    ...(await Promise.all([connect("v2", stdio), connect("auto", stdio)])),
  ];
  const following = await Promise.all(listeners.map((listener) => listener.follow(...uris)));

  for (const [i, writer] of writers.entries()) {
    await writer.call("state_set", { session, key: `k${i}`, value: i });
    const sofar = uris.slice(0, i + 1);
    await expect
      .poll(() => listeners.map(({ updates }) => updates), WAIT)
      .toEqual(listeners.map(() => sofar));
  }

  // Who no longer follows hears no more: the last one tells that the news went round.
  const last = following.length - 1;
  for (const { stop } of following.slice(0, last)) await stop();
  await writers[0]!.call("state_set", { session, key: "k0", value: "again" });
  await expect.poll(() => listeners[last]!.updates, WAIT).toEqual([...uris, uris[0]]);
  for (const { updates } of listeners.slice(0, last)) expect(updates).toEqual(uris);
});

describe("a session that comes into being", () => {
  const SESSIONS = "holdfast://sessions";
  const say = { role: "user", content: "One" };

  /** Each makes one session, for a client that has none yet. */
  const makings: Record<string, [tool: string, args: Record<string, unknown>]> = {
    session_open: ["session_open", {}],
    "a first message": ["history_append", say],
    "a first question": ["chat", { prompt: "Who?" }],
  };

  for (const version of VERSIONS) {
    it.each(Object.entries(makings))(
      `is news to who follows the list, by %s (${version})`,
      async (_, [tool, args]) => {
        const { url } = await serveHere();
        const listeners = await Promise.all(
          (["v1", "pinned"] as const).map((listener) => connect(listener, { url })),
        );
        for (const listener of listeners) await listener.follow(SESSIONS);
        const maker = await connect(version, { url });
        const { session } = (await maker.call(tool, args)).data;
        for (const { updates } of listeners)
          await expect.poll(() => updates, WAIT).toEqual([SESSIONS]);
        // What is there already is no news of that kind; deleting it is.
        await maker.call("history_append", { ...say, session });
        await maker.call("session_delete", { session });
        for (const { updates } of listeners)
          await expect.poll(() => updates, WAIT).toEqual([SESSIONS, SESSIONS]);
      },
    );

    if (!isModern(version)) {
      it(`is news by a first value too (${version})`, async () => {
        const { url } = await serveHere();
        const listener = await connect("pinned", { url });
        await listener.follow(SESSIONS);
        const maker = await connect(version, { url });
        await maker.call("state_set", { key: "a", value: 1 });
        await expect.poll(() => listener.updates, WAIT).toEqual([SESSIONS]);
      });
    }
  }
});
