// Every tool, walked by everybody, in both eras, with the session named by the argument and by the address.
import { describe, expect, it } from "vitest";
import {
  type Era,
  ERAS,
  introduceWithKey,
  type KeyedServer,
  nobodys,
  type Person,
  saying,
  serveWithKeys,
  speak,
} from "../support/people.ts";
import { codeOf } from "../support/raw.ts";
import { contents, SECRET, sharedSession } from "../support/shared-session.ts";

/** What a tool needs of the session that it works in. */
const TOOLS: Record<string, { needs: "read" | "write" | "own"; args?: object }> = {
  session_info: { needs: "read" },
  session_update: { needs: "write", args: { title: "Changed", pinned: true } },
  session_clear: { needs: "write" },
  session_delete: { needs: "own" },
  session_share: { needs: "own", args: { principal: "zoe", access: "write" } },
  session_unshare: { needs: "own", args: { principal: "rita" } },
  state_get: { needs: "read", args: { key: "cat" } },
  state_set: { needs: "write", args: { key: "cat", value: "changed" } },
  state_delete: { needs: "write", args: { key: "cat" } },
  state_list: { needs: "read" },
  history_append: { needs: "write", args: { role: "user", content: "changed" } },
  history_get: { needs: "read" },
  history_delete: { needs: "write", args: { seq: 1 } },
  history_search: { needs: "read", args: { query: "cat" } },
  chat: { needs: "write", args: { prompt: "changed" } },
  chat_retry: { needs: "write", args: { prompt: "changed" } },
};
/** These name no session to work in, or make another one: access-sharing, consent, branches, chatgpt and tasks have them. */
const ELSEWHERE = [
  ...["session_open", "session_list", "session_fork", "search", "fetch"],
  ...["session_accept", "session_leave"],
  ...["task_list", "task_get", "task_answer", "task_cancel"],
];

type Outcome = "done" | "forbidden" | "not_found" | "insufficient_scope" | "unauthorized";

interface Role {
  /** What becomes of a call that needs `read`, `write` or `own`. */
  outcomes: Record<"read" | "write" | "own", Outcome>;
  come(server: KeyedServer, era: Era): Promise<Person>;
}

const may = (read: Outcome, write: Outcome, own: Outcome) => ({ read, write, own });
const nothing = may("unauthorized", "unauthorized", "unauthorized");

/** With a key, or none, that is not good: over 2025 with the id of a client of Ana's. */
const withBadKey = async ({ url, key }: KeyedServer, era: Era, bad: string | undefined) =>
  speak(url, era, bad, await introduceWithKey(url, await key("ana")));

const ROLES: Record<string, Role> = {
  "the owner": {
    outcomes: may("done", "done", "done"),
    come: ({ person }, era) => person("ana", era),
  },
  "a reader": {
    outcomes: may("done", "forbidden", "forbidden"),
    come: ({ person }, era) => person("rita", era),
  },
  "a writer": {
    outcomes: may("done", "done", "forbidden"),
    come: ({ person }, era) => person("will", era),
  },
  "a stranger": {
    outcomes: may("not_found", "not_found", "not_found"),
    come: ({ person }, era) => person("sven", era),
  },
  "the owner with a key for reading": {
    outcomes: may("done", "insufficient_scope", "insufficient_scope"),
    come: ({ person }, era) => person("ana", era, "read"),
  },
  "a writer with a key for reading": {
    outcomes: may("done", "insufficient_scope", "insufficient_scope"),
    come: ({ person }, era) => person("will", era, "read"),
  },
  "a stranger with a key for reading": {
    outcomes: may("not_found", "insufficient_scope", "insufficient_scope"),
    come: ({ person }, era) => person("sven", era, "read"),
  },
  "the operator": {
    outcomes: may("done", "done", "done"),
    come: ({ person }, era) => person("root", era, "admin"),
  },
  "the owner with a revoked key": {
    outcomes: nothing,
    async come(server, era) {
      const key = await server.key("ana");
      await server.app.keys.revoke(key.split("_")[1]!);
      return withBadKey(server, era, key);
    },
  },
  "the owner with an expired key": {
    outcomes: nothing,
    come: async (server, era) =>
      withBadKey(server, era, await server.key("ana", { lifetimeMs: 0 })),
  },
  "the owner with a key that is wrong by one letter": {
    outcomes: nothing,
    async come(server, era) {
      const key = await server.key("ana");
      return withBadKey(
        server,
        era,
        key.slice(0, -8) + (key.at(-8) === "A" ? "B" : "A") + key.slice(-7),
      );
    },
  },
  "somebody without credentials": {
    outcomes: nothing,
    come: (server, era) => withBadKey(server, era, undefined),
  },
};

/** How a call names its session. */
const NAMING: Record<
  string,
  (person: Person, tool: string, id: string, args?: object) => ReturnType<Person["call"]>
> = {
  "the argument": (person, tool, session, args) => person.call(tool, { ...args, session }),
  "the address": (person, tool, id, args) => person.at(`session=${id}`).call(tool, args),
};

for (const [name, { outcomes, come }] of Object.entries(ROLES)) {
  describe.each(ERAS)(`${name}, in the era of %s`, (era) => {
    it.each(Object.keys(NAMING))(
      "may do what that role may do, and no more; named by %s",
      async (naming) => {
        const server = await serveWithKeys();
        const [owner, person] = [await server.person("ana"), await come(server, era)];
        const call = (tool: string, id: string, args?: object) =>
          NAMING[naming]!(person, tool, id, args);
        let unchanged: string | undefined;
        for (const [tool, { needs, args }] of Object.entries(TOOLS)) {
          const id = (unchanged ??= await sharedSession(owner));
          const before = contents(server.folder, id);
          const answer = await call(tool, id, args);
          const after = contents(server.folder, id);
          const outcome = outcomes[needs];
          expect.soft(outcomeOf(answer), tool).toBe(outcome);
          if (outcome === "done") {
            expect.soft(answer.data["session"], tool).toBe(id);
            if (needs === "read") expect.soft(after, tool).toEqual(before);
            else {
              expect.soft(after, tool).not.toEqual(before);
              unchanged = undefined;
            }
          } else {
            expect.soft(after, tool).toEqual(before);
            expect.soft(answer.text, tool).not.toContain(SECRET);
          }
          if (outcome === "not_found" || outcome === "unauthorized") {
            const other = nobodys();
            expect
              .soft(saying(answer, id), tool)
              .toEqual(saying(await call(tool, other, args), other));
          }
        }
      },
    );
  });
}

function outcomeOf(answer: Awaited<ReturnType<Person["call"]>>): string {
  const challenge = answer.headers.get("www-authenticate") ?? "";
  if (answer.status === 401)
    return challenge.startsWith("Bearer") ? "unauthorized" : "401 without a challenge";
  if (answer.status === 403)
    return challenge.includes('error="insufficient_scope"')
      ? "insufficient_scope"
      : "403 without a challenge";
  if (answer.isError) return String(codeOf(answer) ?? answer.text);
  return answer.status === 200 ? "done" : `${answer.status}`;
}

it("every tool is in the table", async () => {
  const { person } = await serveWithKeys();
  const ana = (await person("ana")).at("tools=all");
  const [answer] = (await ana.ask("tools/list")).messages;
  const names = (answer!["result"].tools as { name: string }[]).map(({ name }) => name);
  expect(names.toSorted()).toEqual([...Object.keys(TOOLS), ...ELSEWHERE].toSorted());
});

it("a refusal of a change says what to do instead", async () => {
  const { person } = await serveWithKeys();
  const [owner, reader] = [await person("ana"), await person("rita")];
  const session = await sharedSession(owner);
  const refused = await reader.call("state_set", { session, key: "k", value: 1 });
  expect(refused.says).toBe(
    "You may read this session, but not change it. Its owner can allow that with session_share; session_open starts one of your own.",
  );
  expect((await reader.call("session_delete", { session })).says).toBe(
    "Only the owner of this session may do that.",
  );
});
