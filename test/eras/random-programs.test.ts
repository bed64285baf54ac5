// Random programs of tool calls: whichever era and transport each call comes through, callers are told the same and the
// same is stored as when one 2025-era client makes them all.
import fc from "fast-check";
import { expect, it } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { callModern, envelope } from "../support/modern.ts";
import { rawStdio } from "../support/raw-stdio.ts";
import { introduce, type Json } from "../support/raw.ts";
import { rows } from "../support/rows.ts";
import { runs } from "../support/runs.ts";

const CHANNELS = ["2025", "2026", "stdio 2025", "stdio 2026"] as const;
type Channel = (typeof CHANNELS)[number];

/**
 * One call. `within`: a session by its name, passed as a handle once it is open; or a 2025-era client's own session, which
 * that client reaches by its header and all others by its id as a handle. Without it: the session of the address.
 */
interface Step {
  tool: string;
  args: Json;
  within: string | undefined;
  channel: Channel;
}

type CallTool = (tool: string, args: Json) => Promise<Json>;

/** A server and all ways to it. */
interface World {
  folder: string;
  /** The `Mcp-Session-Id` of the client whose address names no session. */
  own: string;
  calls: Record<Channel, CallTool>;
}

/** The session of the address, for those who name no other. */
const ADDRESS = "work";
const NAMES = ["a", "b"];
const OWN = "(own)";
const UNKNOWN = "00000000-0000-4000-8000-000000000000";

async function world(): Promise<World> {
  const folder = temporaryFolder();
  const here = await serveHere({ folder });
  const url = `${here.url}?name=${ADDRESS}`;
  const [client, owner] = [await introduce(url), await introduce(here.url)];
  const own = await owner.session();
  const args = ["--data-dir", folder, "--name", ADDRESS];
  const pipe = await rawStdio(args);
  const modernPipe = await rawStdio(args, { introduce: false });
  const stdio = (answer: object): Json => answer;
  const inSession = ({ session, ...input }: Json) =>
    session === own ? ([owner, input] as const) : ([client, { session, ...input }] as const);
  return {
    folder,
    own,
    calls: {
      async "2025"(tool, input) {
        const [caller, sent] = inSession(input);
        return (await caller.call(tool, sent)).messages.at(-1)!;
      },
      "2026": async (tool, input) => (await callModern(url, tool, input)).messages.at(-1)!,
      "stdio 2025": async (tool, input) => stdio(await pipe.call(tool, input)),
      "stdio 2026": async (name, input) =>
        stdio(
          await modernPipe.request("tools/call", { name, arguments: input, _meta: envelope() }),
        ),
    },
  };
}

const perhaps = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const version = fc.option(fc.nat(3), { nil: undefined, freq: 2 });
const key = fc.constantFrom("k", "l", "__proto__");
const word = fc.constantFrom("cat", "Ada", "dog", "ünïcode", "the cat is called Ada", "");
const record = (args: Record<string, fc.Arbitrary<unknown>>) => fc.record(args);

const calls: [string, fc.Arbitrary<Json>][] = [
  ["state_set", record({ key, value: fc.jsonValue(), if_version: version })],
  ["state_get", record({ key })],
  ["state_delete", record({ key, if_version: version })],
  ["state_list", record({})],
  ["history_append", record({ role: fc.constantFrom("user", "assistant", "tool"), content: word })],
  ["history_get", record({ limit: perhaps(fc.integer({ min: 0, max: 3 })) })],
  ["history_search", record({ query: word })],
  ["chat", record({ prompt: word })],
  ["chat_retry", record({ prompt: perhaps(word) })],
  [
    "session_update",
    record({
      title: perhaps(fc.constantFrom("T", null)),
      system: perhaps(fc.constantFrom("S", null)),
      pinned: perhaps(fc.boolean()),
    }),
  ],
  ["session_clear", record({ what: perhaps(fc.constantFrom("history", "state", "all")) })],
  ["session_info", record({})],
];

const channel = fc.constantFrom(...CHANNELS);
const within = perhaps(fc.constantFrom(...NAMES, OWN));
const steps: fc.Arbitrary<Step>[] = [
  ...calls.map(([tool, args]) => fc.record({ tool: fc.constant(tool), args, within, channel })),
  ...[
    { tool: "session_open", args: record({ name: fc.constantFrom(...NAMES, ADDRESS) }) },
    { tool: "session_list", args: record({ query: perhaps(fc.constantFrom("a", "T", "W")) }) },
  ].map(({ tool, args }) =>
    fc.record({ tool: fc.constant(tool), args, within: fc.constant(undefined), channel }),
  ),
];
const opened = channel.map((channel): Step => ({
  tool: "session_open",
  args: { name: "a" },
  within: undefined,
  channel,
}));
const programs = fc
  .tuple(opened, fc.array(fc.oneof(...steps), { minLength: 5, maxLength: 30, size: "max" }))
  .map(([first, rest]) => [first, ...rest]);

/** Runs a program on empty sessions; resolves to what was answered and what was stored. */
async function outcome({ folder, own, calls }: World, program: readonly Step[]) {
  for (const { id } of rows(folder, "SELECT id FROM sessions"))
    await calls["2025"]("session_delete", { session: id });
  const handles = new Map([[OWN, own]]);
  const answers: Json[] = [];
  for (const { tool, args, within, channel } of program) {
    const session = within === undefined ? undefined : (handles.get(within) ?? UNKNOWN);
    const answer = await calls[channel](tool, { ...args, ...(session && { session }) });
    if (tool === "session_open")
      handles.set(args["name"], answer["result"].structuredContent.session);
    answers.push(answer);
  }
  const names = new Map([
    ...rows(folder, "SELECT id, name FROM sessions").map(
      ({ id, name }) => [id, `<${name}>`] as const,
    ),
    [own, "<own>"],
  ]);
  const readable = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value)
        .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => names.get(id) ?? id)
        .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>"),
    );
  return readable({
    answers: answers.map(({ result, error }) => (result ? comparable(result) : { error })),
    sessions: rows(folder, "SELECT name, title, system, pinned FROM sessions ORDER BY name"),
    state: rows(
      folder,
      "SELECT session_id, key, value, version, expires_at FROM session_state ORDER BY key, value",
    )
      .map((row) => JSON.stringify(readable(row)))
      .sort(),
    messages: rows(
      folder,
      "SELECT session_id, seq, role, content, status, model, request_key FROM messages ORDER BY id",
    ),
  });
}

/** What a caller is told, without what is the caller's own or depends on the millisecond. */
function comparable({ content, structuredContent, isError = false, _meta = {} }: Json): Json {
  const { client: _client, capabilities: _can, connections: _n, ...data } = structuredContent ?? {};
  if (data.sessions !== undefined) {
    const byName = (one: Json, other: Json) =>
      String(one["name"]) < String(other["name"]) ? -1 : 1;
    data.sessions = (data.sessions as Json[]).toSorted(byName);
  }
  const text = (content as Json[]).map((part) => part["text"]).join("\n");
  return {
    isError,
    data,
    text: data.sessions === undefined ? text : anyOrder(text),
    session: _meta["holdfast/session"],
    error: _meta["holdfast/error"],
  };
}

/** The lines of a session list without their ids: the order is that of the last use, to the millisecond. */
const anyOrder = (list: string): string[] =>
  list
    .split("\n")
    .map((line) => line.replace(/^- \S+/, "-"))
    .sort();

it("a program gives the same results and the same rows through any mix of eras and transports", async () => {
  const [one, mixed] = [await world(), await world()];
  await fc.assert(
    fc.asyncProperty(programs, async (program) => {
      const alone = program.map((step): Step => ({ ...step, channel: "2025" }));
      expect(await outcome(mixed, program)).toEqual(await outcome(one, alone));
    }),
    { numRuns: runs(60) },
  );
});
