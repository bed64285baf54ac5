// A share waits until it is accepted: nobody can push sessions into another's lists, searches and prompts.
import { describe, expect, it } from "vitest";
import { ERAS, type Person, serveWithKeys } from "../support/people.ts";
import { codeOf } from "../support/raw.ts";
import type { Json } from "../support/raw.ts";

const open = async (person: Person, title: string): Promise<string> => {
  const { session } = (await person.call("session_open", { title })).data;
  await person.call("history_append", { session, role: "user", content: `${title}: otter` });
  return session as string;
};

/** All that shows a principal which sessions there are. */
const everywhere = async (person: Person): Promise<string> => {
  const complete = {
    ref: { type: "ref/prompt", name: "continue_conversation" },
    argument: { name: "session", value: "" },
  };
  const answers = await Promise.all([
    person.call("history_search", { query: "otter", scope: "all" }),
    person.ask("resources/list"),
    person.ask("resources/read", { uri: "holdfast://sessions" }),
    person.ask("completion/complete", complete),
  ]);
  return answers.map(({ text }) => text).join("\n");
};

describe.each(ERAS)("in the era of %s", (era) => {
  it("a share that waits is one line, and nothing of the session is anywhere", async () => {
    const { person } = await serveWithKeys();
    const [ada, mallory] = [await person("ada", era), await person("mallory", era)];
    const own = await open(ada, "Deploy notes");
    const pushed = await open(mallory, "Deploy  notes of evil");
    const shared = await mallory.call("session_share", { session: pushed, principal: "ada" });
    expect(shared.data["shared_with"]).toEqual([
      { principal: "ada", access: "read", pending: true },
    ]);

    const list = await ada.call("session_list");
    const offer = { session: pushed, owner: "mallory", access: "read" };
    expect(list.data).toMatchObject({ sessions: [{ id: own }], pending: [offer] });
    expect(list.data["sessions"]).toHaveLength(1);
    expect(list.says).toContain("1 share waits");
    expect(list.text).not.toContain("evil");
    expect(await everywhere(ada)).not.toMatch(new RegExp(`evil|${pushed}`));
    const args = { session: pushed };
    expect(codeOf(await ada.call("history_get", args))).toBe("not_found");
    const prompt = { name: "continue_conversation", arguments: { session: pushed } };
    expect((await ada.ask("prompts/get", prompt)).messages[0]!["error"]).toBeDefined();

    expect((await ada.call("session_accept")).data).toMatchObject({
      accepted: false,
      pending: [offer],
    });
    expect((await ada.call("session_accept", args)).data).toMatchObject({
      ...{ session: pushed, accepted: true, pending: [] },
    });
    expect((await ada.call("history_get", args)).isError).toBe(false);
    expect(await everywhere(ada)).toContain(pushed);

    expect((await ada.call("session_leave", args)).data).toEqual({ session: pushed, left: true });
    expect(codeOf(await ada.call("history_get", args))).toBe("not_found");
    expect(await everywhere(ada)).not.toContain(pushed);
    expect((await mallory.call("session_info", args)).data["shared_with"]).toEqual([]);
    expect((await ada.call("session_leave", args)).data["left"]).toBe(false);
  });

  it("nobody accepts for others, what was not offered, or with a key that only reads", async () => {
    const { person } = await serveWithKeys();
    const [ada, bob, eve] = [await person("ada"), await person("bob"), await person("eve", era)];
    const session = await open(ada, "Otters");
    await ada.call("session_share", { session, principal: "bob", access: "write" });
    expect(codeOf(await eve.call("session_accept", { session }))).toBe("not_found");
    expect((await eve.call("session_leave", { session })).data["left"]).toBe(false);
    const reader = await person("bob", era, "read");
    expect((await reader.call("session_accept", { session })).status).toBe(403);
    await ada.call("session_unshare", { session, principal: "bob" });
    expect(codeOf(await bob.call("session_accept", { session }))).toBe("not_found");
  });
});

it("own sessions come first on every page, whatever is shared later", async () => {
  const { person } = await serveWithKeys();
  const [ada, bob] = [await person("ada"), await person("bob")];
  const own = [await open(ada, "One"), await open(ada, "Two")];
  const theirs: string[] = [];
  for (let i = 0; i < 3; i++) {
    const session = await open(bob, `Bob's ${i}`);
    await bob.call("session_share", { session, principal: "ada" });
    await ada.call("session_accept", { session });
    theirs.push(session);
  }
  const found: Json[] = [];
  let cursor: string | undefined;
  do {
    const { data } = await ada.call("session_list", { limit: 2, ...(cursor && { cursor }) });
    found.push(...(data["sessions"] as Json[]));
    cursor = data["next_cursor"] as string | undefined;
  } while (cursor !== undefined);
  expect(found.map(({ id }) => id as string)).toEqual([
    ...own.toReversed(),
    ...theirs.toReversed(),
  ]);
  expect(found.map(({ owner }) => owner as string)).toEqual(["ada", "ada", "bob", "bob", "bob"]);
});

it("waiting shares are limited, and one giver cannot use up what others may offer", async () => {
  const { person } = await serveWithKeys();
  const [ada, mallory, bob] = [await person("ada"), await person("mallory"), await person("bob")];
  const outcomes: unknown[] = [];
  for (let i = 0; i < 12; i++) {
    const session = await open(mallory, `Otter ${i}`);
    outcomes.push(codeOf(await mallory.call("session_share", { session, principal: "ada" })));
  }
  expect(outcomes.filter((code) => code === "limit")).toHaveLength(2);
  const session = await open(bob, "Otters");
  expect((await bob.call("session_share", { session, principal: "ada" })).isError).toBe(false);
  expect((await ada.call("session_accept")).data["pending"]).toHaveLength(11);
});
