// What it means to share: who sees it where, what readers and writers do there, and that taking back works at once.
import { describe, expect, it } from "vitest";
import {
  type Era,
  ERAS,
  type KeyedServer,
  nobodys,
  type Person,
  saying,
  serveWithKeys,
} from "../support/people.ts";
import { codeOf } from "../support/raw.ts";
import { rows } from "../support/rows.ts";
import { SECRET, sharedSession } from "../support/shared-session.ts";

/** Ana with a session that Rita may read and Will may change; Sven has nothing to do with it. */
async function household(era: Era, server?: KeyedServer) {
  const at = server ?? (await serveWithKeys());
  const [ana, rita, will, sven] = (await Promise.all(
    ["ana", "rita", "will", "sven"].map((name) => at.person(name, era)),
  )) as [Person, Person, Person, Person];
  return { ...at, ana, rita, will, sven, session: await sharedSession(ana) };
}

const listed = async (person: Person): Promise<string[]> =>
  ((await person.call("session_list")).data["sessions"] as { id: string }[]).map(({ id }) => id);

const uris = (session: string) => {
  const own = `holdfast://sessions/${session}`;
  return [own, `${own}/history`, `${own}/state/cat`];
};

describe.each(ERAS)("in the era of %s", (era) => {
  it("a shared session is in the lists and resources of whom it is shared with, and in nobody else's", async () => {
    const { ana, rita, will, sven, session, person } = await household(era);
    const root = await person("root", era, "admin");
    const reading = await person("rita", era, "read");
    for (const who of [ana, rita, will, reading]) {
      expect(await listed(who)).toContain(session);
      expect((await who.ask("resources/list")).text).toContain(session);
      const all = await who.ask("resources/read", { uri: "holdfast://sessions" });
      expect(all.text).toContain(session);
      for (const uri of uris(session)) {
        const [answer] = (await who.ask("resources/read", { uri })).messages;
        expect(answer!["result"].contents[0].text, uri).toContain(
          uri.includes("/state/") ? SECRET : "",
        );
      }
    }
    for (const who of [sven, root]) {
      expect(await listed(who)).toEqual([]);
      expect((await who.ask("resources/list")).text).not.toContain(session);
      const all = await who.ask("resources/read", { uri: "holdfast://sessions" });
      expect(all.text).not.toContain(session);
    }
    for (const uri of uris(session)) {
      const other = nobodys();
      const refused = await sven.ask("resources/read", { uri });
      expect(refused.messages[0]!["error"]).toBeDefined();
      const nothing = await sven.ask("resources/read", { uri: uri.replace(session, other) });
      expect(saying(refused, session)).toEqual(saying(nothing, other));
      expect((await root.ask("resources/read", { uri })).messages[0]!["result"]).toBeDefined();
    }
  });

  it("session_info says who owns it, what one may do, and to the owner alone who else is let in", async () => {
    const { ana, rita, will, session, person } = await household(era);
    const told = async (who: Person) => (await who.call("session_info", { session })).data;
    const everybody = [
      { principal: "rita", access: "read" },
      { principal: "will", access: "write" },
    ];
    expect(await told(ana)).toMatchObject({ owner: "ana", access: "own", shared_with: everybody });
    expect(await told(rita)).toMatchObject({ owner: "ana", access: "read", shared_with: [] });
    expect(await told(will)).toMatchObject({ owner: "ana", access: "write", shared_with: [] });
    const reading = await person("ana", era, "read");
    expect(await told(reading)).toMatchObject({ owner: "ana", access: "read", shared_with: [] });
    const root = await person("root", era, "admin");
    expect(await told(root)).toMatchObject({ owner: "ana", access: "own", shared_with: everybody });
  });

  it("what a writer says lands in the owner's session, and is the owner's to read", async () => {
    const { folder, ana, will, session } = await household(era);
    const { data } = await will.at(`session=${session}`).call("chat", { prompt: "Who is Ada?" });
    expect(data).toMatchObject({ session, question_seq: 2, answer_seq: 3 });
    const history = (await ana.call("history_get", { session })).data["messages"];
    expect(history).toMatchObject([{ seq: 1 }, { content: "Who is Ada?" }, { role: "assistant" }]);
    expect(rows(folder, "SELECT owner FROM sessions")).toEqual([{ owner: "ana" }]);
  });

  it("what the owner clears is cleared for writers too: a repeated call of theirs is done again", async () => {
    const { ana, will, session } = await household(era);
    const said = { session, role: "user", content: "said once", request_key: "k" };
    expect((await will.call("history_append", said)).data["seq"]).toBe(2);
    expect((await will.call("history_append", said)).data["seq"]).toBe(2);
    await ana.call("session_clear", { session });
    expect((await will.call("history_append", said)).data["seq"]).toBe(1);
    const history = (await ana.call("history_get", { session })).data["messages"];
    expect(history).toMatchObject([{ seq: 1, content: "said once" }]);
  });

  it("a name is everybody's own: another's session of that name is another one", async () => {
    const { ana, will } = await household(era);
    const opened = await ana.call("session_open", { name: "work" });
    const { session } = opened.data;
    await ana.call("session_share", { session, principal: "will", access: "write" });
    const own = (await will.call("session_open", { name: "work" })).data;
    expect(own).toMatchObject({ created: true });
    expect(own["session"]).not.toBe(session);
    const named = await will.at("name=work").call("state_set", { key: "k", value: 1 });
    expect(named.data["session"]).toBe(own["session"]);
    expect((await ana.call("state_get", { session, key: "k" })).data["found"]).toBe(false);
  });

  it("unsharing takes effect with the next call, whatever was open or known before", async () => {
    const { ana, will, session } = await household(era);
    const there = will.at(`session=${session}`);
    const key = { role: "user", content: "said", request_key: "k" };
    expect((await there.call("history_append", key)).isError).toBe(false);
    const unshared = await ana.call("session_unshare", { session, principal: "will" });
    expect(unshared.data["shared_with"]).toEqual([{ principal: "rita", access: "read" }]);
    for (const answer of [
      await there.call("history_append", key),
      await there.call("history_get"),
      await will.call("state_get", { session, key: "cat" }),
      await will.call("session_info", { session }),
    ])
      expect(codeOf(answer)).toBe("not_found");
    const read = await will.ask("resources/read", { uri: uris(session)[0] });
    expect(read.messages[0]!["error"]).toBeDefined();
    expect(await listed(will)).toEqual([]);
    expect((await ana.call("session_unshare", { session, principal: "will" })).says).toContain(
      `was not shared with "will"`,
    );
  });

  it("a writer who becomes a reader changes nothing more; a reader who becomes a writer does", async () => {
    const { ana, rita, will, session } = await household(era);
    await ana.call("session_share", { session, principal: "will", access: "read" });
    await ana.call("session_share", { session, principal: "rita", access: "write" });
    const set = (who: Person) => who.call("state_set", { session, key: "k", value: 1 });
    expect(codeOf(await set(will))).toBe("forbidden");
    expect((await set(rita)).isError).toBe(false);
  });

  it("sharing is refused with oneself, with nobody, and with more than a hundred", async () => {
    const { ana, session } = await household(era);
    const share = (principal: string) => ana.call("session_share", { session, principal });
    for (const principal of ["ana", "", " ", "x".repeat(201)])
      expect(codeOf(await share(principal))).toBe("invalid");
    const made = await Promise.all(Array.from({ length: 100 }, (_, n) => share(`p${n}`)));
    expect(made.filter(({ isError }) => !isError)).toHaveLength(98);
    expect(codeOf(await share("one more"))).toBe("limit");
  });

  it("with a key for reading a new session is nobody's to make; a look at a name that is not used makes none", async () => {
    const { folder, person } = await household(era);
    const before = rows(folder, "SELECT id FROM sessions");
    const reader = await person("rita", era, "read");
    const [opened, named] = [
      await reader.call("session_open", { name: "new" }),
      await reader.at("name=new").call("state_list"),
    ];
    expect([opened.status, opened.headers.get("www-authenticate")]).toEqual([
      403,
      expect.stringContaining('scope="write"'),
    ]);
    expect([named.isError, named.data["session"]]).toEqual([false, null]);
    expect(rows(folder, "SELECT id FROM sessions")).toEqual(before);
  });
});

it("a stranger's address brings nothing that the address of no session does not bring", async () => {
  const { sven, session } = await household("2025");
  const other = nobodys();
  for (const [tool, args] of [
    ["session_info", {}],
    ["session_list", {}],
    ["session_open", { name: "n" }],
  ] as const) {
    const [one, two] = [
      await sven.at(`session=${session}`).call(tool, args),
      await sven.at(`session=${other}`).call(tool, args),
    ];
    if (tool === "session_open") expect([one.isError, two.isError]).toEqual([false, false]);
    else expect(saying(one, session)).toEqual(saying(two, other));
  }
});

it("another's client id as a handle is nobody's, also before anything is stored", async () => {
  const { person } = await serveWithKeys();
  const ana = (await person("ana", "2025")).client!;
  const sven = await person("sven");
  const other = nobodys();
  const [one, two] = [
    await sven.call("state_set", { session: ana.id, key: "k", value: 1 }),
    await sven.call("state_set", { session: other, key: "k", value: 1 }),
  ];
  expect(codeOf(one)).toBe("not_found");
  expect(saying(one, ana.id)).toEqual(saying(two, other));
  expect((await ana.call("state_list")).data["entries"]).toEqual([]);
});
