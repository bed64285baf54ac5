// The programs that people have installed, on one server with one configuration, through a SIGKILL in the middle of their
// calls: each has an outcome for its call, and each finds what all of them have stored.
import { expect, it } from "vitest";
import { folderOf, temporaryFolder } from "../support/folder.ts";
import { MAY_BE_DONE } from "../support/interrupted.ts";
import { startServer } from "../support/process.ts";
import { type CallByName, PROGRAMS } from "../support/programs.ts";
import { rows } from "../support/rows.ts";

/** The source of a tool that says in its session that it has begun, and never ends by itself. */
const ENDLESS = `
import { defineTool } from "holdfast";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

export default defineTool({
  name: "endless",
  description: "Never ends.",
  input: z.object({ by: z.string() }),
  async handler({ input, session, signal }) {
    await session.state.set("begun by " + input.by, true);
    await sleep(600_000, undefined, { signal });
  },
});
`;

const programs = Object.entries(PROGRAMS);

const startAll = (url: string): Promise<[string, CallByName][]> =>
  Promise.all(programs.map(async ([name, { start }]) => [name, await start(url)]));

/** Each finds the value of each. */
async function findAll(running: readonly [string, CallByName][]): Promise<void> {
  const list = Object.keys(PROGRAMS).map((name) => expect.stringContaining(`stored by ${name}`));
  const found = running.map(async ([name, call]) => {
    const text = await call("state_list", { prefix: "stored by " });
    for (const wanted of list) expect(text, name).toEqual(wanted);
  });
  await Promise.all(found);
}

const NAMES = Object.keys(PROGRAMS).join(", ");

it(`SIGKILL cuts a call of each (${NAMES}): each has an outcome, finds what all stored, and so when it is started anew`, async () => {
  const folder = temporaryFolder();
  const args = ["--tools", folderOf({ "endless.ts": ENDLESS })];
  const first = await startServer({ folder, args });
  const url = `${first.url}?name=home`;
  const running = await startAll(url);
  await Promise.all(
    running.map(([name, call]) =>
      call("state_set", { key: `stored by ${name}`, value: `by ${name}` }),
    ),
  );
  const outcomes = running.map(([name, call]) =>
    call("endless", { by: name }).catch((error: Error) => error),
  );
  const begun = () => rows(folder, "SELECT 1 FROM session_state WHERE key LIKE 'begun by %'");
  await expect.poll(begun).toHaveLength(programs.length);

  await first.kill();
  await startServer({ folder, args, port: first.port });

  await findAll(running);
  for (const [at, outcome] of (await Promise.all(outcomes)).entries()) {
    const [name, { cut }] = programs[at]!;
    const failed = outcome instanceof Error;
    if (cut !== "either") expect(failed, `${name}: ${outcome}`).toBe(cut === "error");
    if (!failed) expect(outcome, name).toMatch(MAY_BE_DONE);
  }
  await findAll(await startAll(url));
});
