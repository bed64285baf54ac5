// The built-in prompts and completion: an earlier conversation, for whoever may see it, in both eras.
import { describe, expect, it } from "vitest";
import { ERAS, nobodys, type Person, saying, serveWithKeys } from "../support/people.ts";
import type { Json } from "../support/raw.ts";
import { SECRET, sharedSession } from "../support/shared-session.ts";

const PROMPTS = ["continue_conversation", "summarize_conversation"];

async function rendered(person: Person, name: string, args: object = {}): Promise<Json> {
  const [answer] = (await person.ask("prompts/get", { name, arguments: args })).messages;
  return answer!["result"] ?? answer!["error"];
}

const textOf = (prompt: Json): string => prompt["messages"][0].content.text as string;

async function suggested(
  person: Person,
  ref: object,
  argument: { name: string; value: string },
  given?: object,
): Promise<string[]> {
  const context = given && { context: { arguments: given } };
  const answer = await person.ask("completion/complete", { ref, argument, ...context });
  return answer.messages[0]!["result"].completion.values as string[];
}

const FOR_PROMPT = { type: "ref/prompt", name: PROMPTS[0] };
const FOR_SESSION = { type: "ref/resource", uri: "holdfast://sessions/{id}" };
const FOR_STATE = { type: "ref/resource", uri: "holdfast://sessions/{id}/state/{key}" };

describe.each(ERAS)("in the era of %s", (era) => {
  it.each(PROMPTS)("%s shows a session by its id, its name or its title", async (prompt) => {
    const { person } = await serveWithKeys();
    const ana = await person("ana", era);
    const opened = await ana.call("session_open", { name: "garden", title: "Our garden" });
    const { session } = opened.data;
    for (const [role, content] of [
      ["user", "Do beans climb?"],
      ["assistant", "They do."],
    ])
      await ana.call("history_append", { session, role, content });
    for (const named of [session, "garden", "Our garden"]) {
      const text = textOf(await rendered(ana, prompt, { session: named }));
      expect(text).toContain('"Our garden"');
      expect(text).toContain(`session="${session}"`);
      expect(text).toMatch(/#1 user: Do beans climb\?\n#2 assistant: They do\.$/);
    }
    const here = await rendered(ana.at("name=garden"), prompt);
    expect(textOf(here)).toContain("They do.");
  });

  it("a prompt without a session says how to name one", async () => {
    const { person } = await serveWithKeys();
    const refusal = await rendered(await person("ana", era), PROMPTS[0]!);
    expect(refusal).toMatchObject({
      code: -32602,
      message: "This program works in no session yet: name one with the argument session.",
    });
  });

  it("prompts and completion show a session to whoever may see it, and to nobody else", async () => {
    const { person } = await serveWithKeys();
    const ana = await person("ana", era);
    const session = await sharedSession(ana);
    const roles = {
      ...{ ana, rita: await person("rita", era), will: await person("will", era, "read") },
      ...{ root: await person("root", era, "admin"), sven: await person("sven", era) },
    };
    for (const [name, who] of Object.entries(roles)) {
      const prompt = await rendered(who, PROMPTS[1]!, { session });
      const values = await suggested(who, FOR_SESSION, { name: "id", value: "" });
      const keys = await suggested(who, FOR_STATE, { name: "key", value: "c" }, { id: session });
      const labels = await suggested(who, FOR_PROMPT, { name: "session", value: "ADA" });
      const seen = ["ana", "rita", "will"].includes(name); // the operator's list is the operator's own
      expect(values, name).toEqual(seen ? [session] : []);
      const label = name === "ana" ? SECRET : `${SECRET} (of ana)`;
      expect(labels, name).toEqual(seen ? [label] : []);
      expect(keys, name).toEqual(name === "sven" ? [] : ["cat"]);
      if (name !== "sven") expect(textOf(prompt), name).toContain(SECRET);
    }
    const other = nobodys();
    const [foreign, none] = await Promise.all(
      [session, other].map((id) =>
        roles.sven.ask("prompts/get", { name: PROMPTS[0], arguments: { session: id } }),
      ),
    );
    expect(saying(foreign!, session)).toEqual(saying(none!, other));
    expect((await rendered(roles.sven, PROMPTS[0]!, { session: SECRET }))["code"]).toBe(-32602);
  });

  it("sessions complete by the beginning of their id and by what their names and titles hold", async () => {
    const { person } = await serveWithKeys();
    const ana = await person("ana", era);
    const open = async (args: object) =>
      (await ana.call("session_open", args)).data["session"] as string;
    const garden = await open({ name: "garden", title: "Beans" });
    const titled = await open({ title: "Beans and peas" });
    const plain = await open({});
    const id = (value: string) => suggested(ana, FOR_SESSION, { name: "id", value });
    const label = (value: string) => suggested(ana, FOR_PROMPT, { name: "session", value });
    expect((await id("")).toSorted()).toEqual([garden, titled, plain].toSorted());
    expect((await id("bean")).toSorted()).toEqual([garden, titled].toSorted());
    expect(await id(plain.slice(0, 12))).toEqual([plain]);
    expect((await label("bean")).toSorted()).toEqual(["Beans and peas", "garden"]);
    expect(await label("peas")).toEqual(["Beans and peas"]);
    expect(await label(plain.slice(0, 12))).toEqual([plain]);
    expect(await label("nothing like it")).toEqual([]);
  });

  it("what cannot be completed says so", async () => {
    const { person } = await serveWithKeys();
    const ana = await person("ana", era);
    expect(await suggested(ana, FOR_SESSION, { name: "other", value: "" })).toEqual([]);
    expect(await suggested(ana, FOR_STATE, { name: "key", value: "" })).toEqual([]);
    const unknown = { type: "ref/resource", uri: "holdfast://nowhere/{id}" };
    const params = { ref: unknown, argument: { name: "id", value: "" } };
    const [answer] = (await ana.ask("completion/complete", params)).messages;
    expect(answer!["error"]).toMatchObject({ code: -32602 });
  });

  it("a long conversation is shown from its newest messages, as far as they fit", async () => {
    const { person } = await serveWithKeys();
    const ana = await person("ana", era);
    const { session } = (await ana.call("session_open")).data;
    for (let n = 1; n <= 4; n += 1)
      await ana.call("history_append", {
        ...{ session, role: "user", content: `${n} ${"🌊".repeat(10_000)}` },
      });
    const text = textOf(await rendered(ana, PROMPTS[0]!, { session }));
    expect(text.length).toBeLessThan(52_000);
    expect(text.isWellFormed()).toBe(true);
    expect(text).toContain("#4 user: 4 ");
    expect(text).not.toContain("#1 user");
    expect(text).toContain("(Older messages are left out here.)\n#2 user");
  });
});
