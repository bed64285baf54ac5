// Deleting single messages, as clients of both eras do it.
import { expect, it } from "vitest";
import { connect, type TestClient } from "../support/clients.ts";
import { serveHere } from "../support/here.ts";
import { uriOf, WAIT } from "../support/listening.ts";
import { ERAS, serveWithKeys } from "../support/people.ts";
import { codeOf } from "../support/raw.ts";
import { rows } from "../support/rows.ts";
import { sharedSession } from "../support/shared-session.ts";
import { appOn, exported, imported, outcomes } from "../support/transfer.ts";

const WORDS = ["one", "two", "three", "four", "five"];

async function conversation(client: TestClient): Promise<string> {
  const { session } = (await client.call("session_open")).data;
  for (const content of WORDS)
    await client.call("history_append", { session, role: "user", content });
  return session as string;
}

const seqsOf = ({ data }: { data: Record<string, unknown> }) =>
  (data["messages"] as { seq: number }[]).map(({ seq }) => seq);

it.each(["v2", "pinned"] as const)(
  "messages go by their numbers, whoever follows hears of it, and pages go on over the gaps (%s)",
  async (version) => {
    const { url, folder } = await serveHere();
    const [client, listener] = [await connect(version, { url }), await connect("v1", { url })];
    const session = await conversation(client);
    const history = `${uriOf("", session).replace(/\/state\/.*$/, "")}/history`;
    await listener.follow(history);
    const { data, text } = await client.call("history_delete", { session, seq: 1, seqs: [4, 99] });
    expect(data).toEqual({ session, deleted: [1, 4] });
    expect(text).toBe("Deleted messages #1, #4. There is no message #99.");
    await expect.poll(() => listener.updates, WAIT).toEqual([history]);

    const newest = await client.call("history_get", { session, limit: 2 });
    expect([seqsOf(newest), newest.data["next_before"]]).toEqual([[3, 5], 3]);
    const rest = await client.call("history_get", { session, limit: 2, before: 3 });
    expect([seqsOf(rest), rest.data["next_before"]]).toEqual([[2], undefined]);
    const found = await client.call("history_search", { session, query: "four five" });
    expect(found.data["hits"]).toMatchObject([{ seq: 5 }]);

    const fork = await client.call("session_fork", { session, upto: 4 });
    const forked = await client.call("history_get", { session: fork.data["session"] });
    expect(seqsOf(forked)).toEqual([2, 3]);
    expect((await client.call("history_delete", { session })).text).toContain("history_get");
    expect(
      rows(folder, "SELECT subject, detail FROM audit WHERE action = 'message deleted'"),
    ).toEqual([{ subject: session, detail: "#1, #4" }]);
  },
);

it.each(ERAS)("whoever may only read a session deletes nothing of it (%s)", async (era) => {
  const { person } = await serveWithKeys();
  const session = await sharedSession(await person("ana", era));
  const [rita, will] = [await person("rita", era), await person("will", era)];
  const refused = await rita.call("history_delete", { session, seq: 1 });
  expect(codeOf(refused)).toBe("forbidden");
  expect((await will.call("history_delete", { session, seq: 1 })).data).toMatchObject({
    deleted: [1],
  });
});

it("the recorded answer of a keyed call goes with its words", async () => {
  const { url, folder } = await serveHere();
  const client = await connect("v2", { url });
  const keyed = { prompt: "Say tulip", request_key: "k" };
  const { session } = (await client.call("session_open")).data;
  await client.call("chat", { session, ...keyed });
  const seqs = [1, 2];
  expect((await client.call("history_delete", { session, seqs })).data["deleted"]).toEqual(seqs);
  expect(JSON.stringify(rows(folder, "SELECT * FROM keyed_calls"))).not.toContain("tulip");
  expect(JSON.stringify(rows(folder, "SELECT * FROM messages"))).not.toContain("tulip");
});

it("an export with gaps comes in as it is, and no import brings back what was deleted", async () => {
  const { url, folder } = await serveHere();
  const client = await connect("v2", { url });
  const session = await conversation(client);
  const [here, there] = [await appOn(folder), await appOn()];
  const whole = await exported(here);
  await client.call("history_delete", { session, seqs: [2, 5] });
  const withGaps = await exported(here);
  expect(JSON.parse(withGaps.split("\n")[0]!)).toMatchObject({ version: 2 });
  expect(outcomes(await imported(there, withGaps))).toEqual(["imported"]);
  expect((await exported(there)).replaceAll(/"last_active_at":"[^"]*"/g, "")).toBe(
    withGaps.replaceAll(/"last_active_at":"[^"]*"/g, ""),
  );
  expect(outcomes(await imported(here, withGaps))).toEqual(["unchanged"]);
  expect(outcomes(await imported(here, whole))).toEqual(["behind"]);
  expect(seqsOf(await client.call("history_get", { session }))).toEqual([1, 3, 4]);
  // It went on elsewhere, before it heard of the deletion.
  const longer = whole
    .replace(/\{"type":"end".*/, "")
    .trimEnd()
    .concat(`\n${JSON.stringify({ ...JSON.parse(whole.split("\n")[5]!), seq: 6, content: "six" })}`)
    .concat('\n{"type":"end","state":0,"messages":6}\n');
  expect(outcomes(await imported(here, longer))).toEqual(["continued"]);
  expect(seqsOf(await client.call("history_get", { session }))).toEqual([1, 3, 4, 6]);
});
