// News of a session goes to whom it is shared with, for as long as that lasts. That somebody hears nothing is told by
// what is heard next: a change of the listener's own.
import { describe, expect, it, onTestFinished } from "vitest";
import { modernRequest, postModern } from "../support/modern.ts";
import { type Era, ERAS, nobodys, type Person, serveWithKeys, speak } from "../support/people.ts";
import { eventsOf } from "../support/raw.ts";
import { sharedSession } from "../support/shared-session.ts";

interface Listener {
  /** Another program of the same person: clients are not told of what they change themselves. */
  another: Person;
  /** The next resource that has changed, as its uri. */
  next(): Promise<string>;
  /** A session of the listener's own, whose history is listened to as well. */
  own: string;
}

const historyOf = (session: string): string => `holdfast://sessions/${session}/history`;

/** Listens to these resources and to one of the person's own, on one stream. */
async function listen(person: Person, url: string, uris: readonly string[]): Promise<Listener> {
  const own = (await person.call("session_open")).data["session"] as string;
  const all = [...uris, historyOf(own)];
  const response = await (person.client ? subscribe(person, all) : listenModern(person, url, all));
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let [text, taken] = ["", 0];
  const next = async (): Promise<string> => {
    for (;;) {
      const message = eventsOf(text)[taken];
      if (message === undefined) text += (await reader.read()).value!;
      else {
        taken += 1;
        if (message["method"] === "notifications/resources/updated")
          return message["params"].uri as string;
      }
    }
  };
  return { another: await speak(url, "2026", person.key), next, own };
}

async function subscribe({ client, ask }: Person, uris: readonly string[]): Promise<Response> {
  for (const uri of uris) {
    const [answer] = (await ask("resources/subscribe", { uri })).messages;
    expect(answer!["result"]).toEqual({});
  }
  return client!.listen();
}

function listenModern(
  { headers }: Person,
  url: string,
  uris: readonly string[],
): Promise<Response> {
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const request = modernRequest("subscriptions/listen", {
    notifications: { resourceSubscriptions: uris },
  });
  return postModern(url, request, { headers, signal: leaving.signal });
}

const say = (person: Person, session: string) =>
  person.call("history_append", { session, role: "user", content: "news" });

/** What the listener has heard until now: all before the news of a change that it is told of for certain. */
async function heard({ another, next, own }: Listener): Promise<string[]> {
  await say(another, own);
  const uris: string[] = [];
  for (let uri = await next(); uri !== historyOf(own); uri = await next()) uris.push(uri);
  return uris;
}

async function household(era: Era) {
  const server = await serveWithKeys();
  const { url, person } = server;
  const ana = await person("ana");
  const session = await sharedSession(ana);
  const uris = [historyOf(session)];
  const listeners = Object.fromEntries(
    await Promise.all(
      (["ana", "rita", "will", "sven"] as const).map(async (name) => [
        name,
        await listen(await person(name, era), url, uris),
      ]),
    ),
  ) as Record<"ana" | "rita" | "will" | "sven", Listener>;
  const root = await listen(await person("root", era, "admin"), url, uris);
  return { url, ana, session, uris, listeners: { ...listeners, root } };
}

describe.each(ERAS)("listeners in the era of %s", (era) => {
  it("hear of a shared session's changes, strangers and the operator do not", async () => {
    const { ana, session, uris, listeners } = await household(era);
    const { sven, root, ...others } = listeners;
    await say(ana, session);
    for (const listener of Object.values(others)) expect(await heard(listener)).toEqual(uris);
    for (const listener of [sven, root]) expect(await heard(listener)).toEqual([]);
  });

  it("hear nothing more once it is no longer shared, on streams that were open before, and again when it is", async () => {
    const { ana, session, uris, listeners } = await household(era);
    const { rita, will } = listeners;
    await ana.call("session_unshare", { session, principal: "rita" });
    expect(await heard(rita)).toEqual(uris); // that it has gone
    await say(ana, session);
    expect(await heard(rita)).toEqual([]);
    expect(await heard(will)).toEqual(uris);
    await ana.call("session_share", { session, principal: "rita" });
    await ana.accept!("rita", session);
    expect(await heard(rita)).toEqual(uris); // that it is there again
    await say(ana, session);
    expect(await heard(rita)).toEqual(uris);
  });

  it("hear of what a writer changes", async () => {
    const { session, uris, listeners } = await household(era);
    const { ana, rita, sven, will } = listeners;
    await say(will.another, session);
    for (const listener of [ana, rita]) expect(await heard(listener)).toEqual(uris);
    expect(await heard(sven)).toEqual([]);
  });

  it("hear that a session is deleted, whoever may see it, and nobody else", async () => {
    const { ana, session, uris, listeners } = await household(era);
    const { sven, root, ...others } = listeners;
    await ana.call("session_delete", { session });
    for (const listener of Object.values(others)) expect(await heard(listener)).toEqual(uris);
    for (const listener of [sven, root]) expect(await heard(listener)).toEqual([]);
  });

  it("hear that a session has come to their list, and that it has gone from there", async () => {
    const { url, person } = await serveWithKeys();
    const [ana, rita] = [await person("ana"), await person("rita", era)];
    const { session } = (await ana.call("session_open")).data;
    const list = ["holdfast://sessions"];
    const ritas = await listen(rita, url, list);
    await ana.call("session_share", { session, principal: "rita" });
    expect(await heard(ritas)).toContain(list[0]);
    await ana.call("session_unshare", { session, principal: "rita" });
    expect(await heard(ritas)).toContain(list[0]);
    await ana.call("session_unshare", { session, principal: "rita" });
    expect(await heard(ritas)).not.toContain(list[0]);
  });

  it("may subscribe to anything: whether it is there is not told", async () => {
    const { url, person } = await serveWithKeys();
    const session = await sharedSession(await person("ana"));
    const sven = await person("sven", era);
    const other = nobodys();
    const ask = async (id: string) => {
      if (era === "2025")
        return (await sven.ask("resources/subscribe", { uri: historyOf(id) })).messages[0]![
          "result"
        ];
      const response = await listenModern(sven, url, [historyOf(id)]);
      const { value } = await response
        .body!.pipeThrough(new TextDecoderStream())
        .getReader()
        .read();
      return value!.replaceAll(id, "ID");
    };
    expect(await ask(session)).toEqual(await ask(other));
  });
});
