// What is exported comes back as it was: byte for byte, but for the time of the last activity.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { App } from "../../src/app/app.ts";
import { connect } from "../support/clients.ts";
import { command } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startServer } from "../support/process.ts";
import { rows } from "../support/rows.ts";
import { runs } from "../support/runs.ts";
import {
  appOn,
  endLine,
  exported,
  ID,
  imported,
  jsonl,
  messageLine,
  outcomes,
  sessionFile,
  sessionLine,
  stateLine,
  timeless,
} from "../support/transfer.ts";

const text = (maxLength: number) =>
  fc
    .string({ unit: "binary", maxLength })
    .map((value) => value.replaceAll("\0", "∅").toWellFormed());
const optional = (maxLength: number) => fc.option(text(maxLength));
const time = fc.integer({ min: 1, max: 4e12 }).map((ms) => new Date(ms).toISOString());
const tokens = fc.option(fc.nat());
const name = text(30).map((value) => `n${value}`);

const state = fc.uniqueArray(
  fc.record({
    key: text(20).map((key) => `k${key}`),
    value: fc.jsonValue(),
    version: fc.integer({ min: 1 }),
    updated_at: time,
    expires_at: fc.option(fc.constant("2125-01-01T00:00:00.000Z")),
  }),
  { selector: ({ key }) => key, maxLength: 5 },
);

const messages = fc
  .array(
    fc.record({
      role: fc.constantFrom("user", "assistant", "system", "tool"),
      content: text(100),
      status: fc.constantFrom("complete", "failed", "interrupted"),
      model: optional(20),
      input_tokens: tokens,
      output_tokens: tokens,
      created_at: time,
      request_key: fc.option(fc.constant("key")),
    }),
    { maxLength: 8 },
  )
  .map((all) =>
    all.map((message, index) =>
      messageLine(index + 1, {
        ...message,
        request_key: message.request_key && `${message.request_key}${index}`,
      }),
    ),
  );

/** In the order in which SQLite has them. */
const byBytes = (a: { key: string }, b: { key: string }): number =>
  Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));

const session = fc
  .record({
    ...{ id: fc.uuid({ version: 4 }), owner: fc.constantFrom("local", "ana", "bob"), name },
    ...{ title: optional(50), system: optional(50), pinned: fc.boolean(), created_at: time, state },
    messages,
  })
  .map(({ state, messages, ...head }) =>
    jsonl(
      sessionLine({ ...head, name: `${head.name}${head.id}` }),
      ...state.toSorted(byBytes).map(({ key, ...more }) => stateLine(key, more)),
      ...messages,
      endLine(state.length, messages.length),
    ),
  );

async function copyOf(app: App): Promise<{ copy: App; before: string }> {
  const before = await exported(app);
  const copy = await appOn();
  await imported(copy, before, { keepOwners: true });
  return { copy, before };
}

it("any sessions come back byte for byte, and importing them again changes nothing", async () => {
  const app = await appOn();
  await fc.assert(
    fc.asyncProperty(fc.array(session, { maxLength: 3 }), async (files) => {
      if (files.length === 0) return;
      const results = await imported(app, files.join(""), { keepOwners: true });
      expect(new Set(outcomes(results))).toEqual(new Set(["imported"]));
      const ids = results.map(({ id }) => id);
      const back = new Map<string, string>();
      for (const id of ids)
        back.set(id, (await Array.fromAsync(app.transfer.export({ id }, "jsonl"))).join(""));
      for (const file of files) {
        const { id } = JSON.parse(file.split("\n")[0]!) as { id: string };
        expect(timeless(back.get(id)!)).toBe(timeless(file));
      }
      const again = await imported(app, [...back.values()].join(""), { keepOwners: true });
      expect(new Set(outcomes(again))).toEqual(new Set(["unchanged"]));
    }),
    { numRuns: runs(60) },
  );
});

it("what clients of both eras have made is the same in another folder, and works there", async () => {
  const [here, there] = [temporaryFolder(), temporaryFolder()];
  const server = await startServer({ folder: here });
  for (const version of ["v1", "v2", "auto"] as const) {
    const client = await connect(version, { url: `${server.url}?name=${version}` });
    await client.call("session_update", { title: `Of ${version} 😀`, system: "Be kind." });
    await client.call("state_set", { key: "fact", value: JSON.parse('{"__proto__":[1e21,-0.5]}') });
    await client.call("state_set", { key: "soon", value: 1, ttl_seconds: 10_000 });
    await client.call("chat", { prompt: "My cat is called Ada.\u2028\r\n" });
    await client.call("history_append", { role: "tool", content: "ok", request_key: "r" });
  }
  // Beside the running server, through a pipe.
  const { stdout, code } = await command(["sessions", "export", "--all", "--data-dir", here]);
  expect(code).toBe(0);
  expect(stdout.match(/__proto__/g)).toHaveLength(3);
  const copy = await appOn(there);
  expect(outcomes(await imported(copy, stdout))).toEqual(Array(3).fill("imported"));
  expect(timeless(await exported(copy))).toBe(timeless(stdout));
  await copy.stop();
  const other = await startServer({ folder: there });
  const client = await connect("v2", { url: `${other.url}?name=v1` });
  expect((await client.call("chat", { prompt: "What is my cat called?" })).text).toContain("Ada");
  expect((await client.call("state_get", { key: "soon" })).data).toMatchObject({ version: 1 });
  const messages = "SELECT session_id, seq, content, created_at FROM messages WHERE seq < 4";
  expect(rows(there, `${messages} ORDER BY 1, 2`)).toEqual(rows(here, `${messages} ORDER BY 1, 2`));
});

it("a question that is being answered is interrupted in the file, and settles when the answer is there", async () => {
  const app = await appOn();
  const open = jsonl(sessionLine(), messageLine(1, { status: "pending" }), endLine(0, 1));
  await imported(app, open);
  expect(await exported(app)).toContain('"status":"interrupted"');
  expect(outcomes(await imported(app, open))).toEqual(["unchanged"]);
  const settled = jsonl(
    sessionLine(),
    messageLine(1),
    messageLine(2, { role: "assistant" }),
    endLine(0, 2),
  );
  expect(outcomes(await imported(app, settled))).toEqual(["continued"]);
  expect(timeless(await exported(app))).toBe(timeless(settled));
  expect(outcomes(await imported(app, open))).toEqual(["behind"]);
});

describe("a file that comes again", () => {
  it("with more in it continues the session", async () => {
    const app = await appOn();
    await imported(app, sessionFile(2));
    const grown = sessionFile(
      1_200,
      {},
      { version: 3, value: [], updated_at: "2026-02-01T00:00:00Z" },
    );
    const [result] = await imported(app, grown);
    expect(result).toMatchObject({ outcome: "continued", messages: 1_198 });
    expect(timeless(await exported(app))).toBe(
      timeless(grown).replace("2026-02-01T00:00:00Z", "2026-02-01T00:00:00.000Z"),
    );
    expect(outcomes(await imported(app, grown))).toEqual(["unchanged"]);
    expect(outcomes(await imported(app, sessionFile(2)))).toEqual(["behind"]);
  });

  it("with less in it, or with another content, changes nothing", async () => {
    const app = await appOn();
    await imported(app, sessionFile(3));
    const before = await exported(app);
    const other = jsonl(
      sessionLine(),
      stateLine("k"),
      messageLine(1),
      messageLine(2, { content: "else" }),
      endLine(1, 2),
    );
    const mixed = jsonl(sessionLine(), stateLine("l"), messageLine(1), endLine(1, 1));
    const value = sessionFile(3, {}, { value: "another" });
    for (const [file, outcome] of [
      [sessionFile(2), "behind"],
      [other, "conflict"],
      [mixed, "conflict"],
      [value, "conflict"],
    ] as const)
      expect(outcomes(await imported(app, file)), file).toEqual([outcome]);
    expect(await exported(app)).toBe(before);
  });

  it("leaves name, title, system prompt and pin as they are here", async () => {
    const app = await appOn();
    await imported(app, sessionFile(2, { title: "Here", pinned: true }));
    const before = await exported(app);
    const file = sessionFile(2, { title: "There", name: "other", system: "x", pinned: false });
    expect(outcomes(await imported(app, file))).toEqual(["unchanged"]);
    expect(await exported(app)).toBe(before);
  });

  it("is imported anew when the session is gone", async () => {
    const app = await appOn();
    await imported(app, sessionFile(2));
    const session = await app.operator.find(ID, "local");
    await app.operator.delete(session!);
    expect(outcomes(await imported(app, sessionFile(2)))).toEqual(["imported"]);
  });
});

it("old sessions do not expire at once, and keep the order in which they were used", async () => {
  const app = await appOn();
  const [first, second, third] = ["1", "2", "3"].map((n) => ID.replaceAll("1", n));
  const old = (id: string, year: number): string =>
    sessionFile(1, { id, name: id, last_active_at: `${year}-01-01T00:00:00.000Z` });
  await imported(app, old(second!, 2002) + old(third!, 2003) + old(first!, 2001));
  const { sessions } = await app.operator.list("local", { limit: 9 });
  expect(sessions.map(({ id }) => id)).toEqual([third, second, first]);
  expect(await app.cleanup.preview()).toMatchObject({ session: 0 });
});

it("a copy of many owners keeps them when asked to, and is the operator's otherwise", async () => {
  const app = await appOn();
  for (const [index, owner] of ["ana", "bob", "local"].entries())
    await imported(app, sessionFile(1, { id: ID.replaceAll("1", `${index}`) }), {
      principal: owner,
    });
  const { copy, before } = await copyOf(app);
  expect(timeless(await exported(copy))).toBe(timeless(before));
  const mine = await appOn();
  const results = await imported(mine, before);
  expect(results.map(({ owner }) => owner)).toEqual(["local", "local", "local"]);
  expect(results.filter(({ lostName }) => lostName === "work")).toHaveLength(2);
});
