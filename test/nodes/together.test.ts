// Statements of several callers that go to PostgreSQL as one.
import type pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { allowTogether, sendGroup, Together } from "../../src/storage/postgres/engine/together.ts";
import { emptyDatabase } from "../support/postgres.ts";

const TEXTS = {
  kinds: "SELECT $1::text, $2::bigint + 1, $3::text[], $4::text",
  rows: "SELECT generate_series(1, $1::bigint)",
  divided: "SELECT 12 / $1::bigint",
  alone: "SELECT $1::bigint",
};
const types = { id: "text", n: "bigint", list: "text[]" } as const;
allowTogether({ name: "kinds", text: TEXTS.kinds }, ["id", "n", "list", "id"], types);
allowTogether({ name: "rows", text: TEXTS.rows }, ["n"], types);
allowTogether({ name: "divided", text: TEXTS.divided }, ["n"], types);

/** Of a name, its values, and the operation that asks. */
type Asked = [name: keyof typeof TEXTS, values: readonly unknown[], operation?: object];

/** Sends statements of one turn: what each found, or its error's code, and the names of those that were sent. */
async function send(asked: readonly Asked[]) {
  const { client } = await emptyDatabase();
  const sent: string[] = [];
  const together = new Together();
  const outcomes = asked.map(([name, values, operation]) =>
    together.add({ name, text: TEXTS[name], values: [...values] }, operation),
  );
  for (const group of together.take())
    void sendGroup(group, (statement) => {
      const config = statement as pg.QueryConfig;
      sent.push(config.name!);
      return client.query({ ...config, rowMode: "array" } as pg.QueryArrayConfig);
    });
  const settled = await Promise.allSettled(outcomes);
  const found = settled.map((one) =>
    one.status === "fulfilled"
      ? (one.value.rows as unknown[][])
      : (one.reason as { code?: string }).code,
  );
  return { found, sent };
}

it("gives each what it asked for, whatever the values are", async () => {
  const odd = ["", "NULL", '"', "\\", '{a,"b"}', "a\nb\tc", "'$1'", "é漢😀", " ", "\\x41", null];
  const list = odd.filter((one) => one !== null);
  const { found, sent } = await send(
    odd.map((id, n) => ["kinds", [id, n, [...list, id ?? "-"], id]]),
  );
  expect(found).toEqual(odd.map((id, n) => [[id, String(n + 1), [...list, id ?? "-"], id]]));
  expect(sent).toEqual(["kinds_together"]);
});

it("keeps none, one and several rows apart", async () => {
  const { found, sent } = await send([0, 2, 1, 0].map((n) => ["rows", [n]]));
  expect(found).toEqual([[], [["1"], ["2"]], [["1"]], []]);
  expect(sent).toEqual(["rows_together"]);
});

it("fails only the one whose values fail", async () => {
  const { found, sent } = await send([3, 0, 4].map((n) => ["divided", [n]]));
  expect(found).toEqual([[["4"]], "22012", [["3"]]]);
  expect(sent).toEqual(["divided_together", "divided", "divided", "divided"]);
});

it("keeps the order of each operation", async () => {
  const [first, second, third, fourth] = [{}, {}, {}, {}];
  const { found, sent } = await send([
    ["rows", [1], first],
    ["divided", [2], first],
    ["divided", [3], second],
    ["rows", [1], second],
    ["alone", [5], third],
    ["rows", [1], third],
    ["rows", [0], fourth],
  ]);
  expect(found).toEqual([[["1"]], [["6"]], [["4"]], [["1"]], [["5"]], [["1"]], []]);
  expect(sent).toEqual(["rows_together", "divided_together", "rows", "alone", "rows"]);
});

it("sends long values and other statements as they are", async () => {
  const long = "x".repeat(20_000);
  const { found, sent } = await send([
    ...(["a", long, "b"] as const).map((id): Asked => ["kinds", [id, 1, [], id]]),
    ["alone", [1]],
    ["alone", [2]],
  ]);
  expect(found.map((rows) => rows![0]![0])).toEqual(["a", long, "b", "1", "2"]);
  expect(sent).toEqual(["kinds_together", "kinds", "alone", "alone"]);
});

it("finds rows by their index, also where the table was empty when it was first asked", async () => {
  const { client } = await emptyDatabase();
  onTestFinished(() => void client.query("DROP TABLE entries"));
  await client.query("CREATE TABLE entries (id text PRIMARY KEY, value text)");
  const query = { name: "entry", text: "SELECT value FROM entries WHERE id = $1" };
  allowTogether(query, ["id"], types);
  const together = new Together();
  const asked = ["a", "b"].map((id) => together.add({ ...query, values: [id] }));
  for (const group of together.take())
    void sendGroup(group, (statement) =>
      client.query({ ...(statement as pg.QueryConfig), rowMode: "array" } as pg.QueryArrayConfig),
    );
  await Promise.all(asked);
  await client.query("SET plan_cache_mode = force_generic_plan");
  const { rows } = await client.query<{ "QUERY PLAN": string }>(
    "EXPLAIN EXECUTE entry_together(ARRAY['a', 'b'])",
  );
  await client.query("RESET plan_cache_mode");
  const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
  expect(plan).not.toContain("Seq Scan");
  expect(plan).toContain("entries_pkey");
});
