// Numbers and codes in texts, found however their digits are written.
import { afterAll, describe, expect, it } from "vitest";
import { HistorySearch } from "../../src/chat/history-search.ts";
import { newId } from "../../src/lib/ids.ts";
import { digitsOf, numbers } from "../../src/search/signs.ts";
import { openStorage } from "../../src/storage/open.ts";

const NOISE = ["Nothing of the kind.", "Chapter 7 has 19 pages."];

const storage = await openStorage({
  ...{ folder: undefined, durability: "normal", clock: { now: () => 1_000, monotonic: () => 0 } },
  expiry: { maxAgeMs: Infinity },
});
afterAll(() => storage.close());

/** The hits among these texts, in a session of their own. */
async function search(query: string, texts: readonly string[]) {
  const { id } = (await storage.sessions.create({ id: newId(), owner: "ana" })).session;
  for (const content of texts) await storage.history.append(id, { role: "user", content });
  return new HistorySearch(storage.history).search({ session: id }, query, 5);
}

/** The first hit among the noise and the text. */
const firstOf = async (query: string, text: string) => (await search(query, [...NOISE, text]))[0];

describe("a number is found", () => {
  it.each([
    ["behind another number", "2027", "We met on June 12 2027 in Lyon"],
    ["before another number", "3318", "Order 3318 250 boxes"],
    ["between two others", "612", "Train 88 612 1045 to Graz"],
    ["as the end of a price with a space", "750", "It costs 3 750 €"],
    ["beside a narrow space", "512", "Tablet 14\u{202F}512 GB"],
    ["as the beginning of a date", "24.11", "Paid on 24.11.2026"],
    ["as the year of a date", "2026", "Paid on 24.11.2026"],
    ["as the beginning of an address", "10.2.33", "The host is 10.2.33.41"],
    ["as a part of a measure", "1200", "A picture of 1600x1200"],
    ["with the digits of a phone", "4445557890", "Call +1 (444) 555-7890"],
    ["with the digits of a phone in pairs", "0711223344", "Call 07 11 22 33 44"],
    ["with the digits of a book's code", "9780306406157", "ISBN 978-0-306-40615-7"],
    ["with the dashes of a book's code", "978-0-306-40615-7", "ISBN 9780306406157"],
    ["with the digits of a file's number", "20260077", "Invoice 2026-0077 is paid"],
    ["in Arabic digits", "2026", "في سنة ٢٠٢٦ سافرنا"],
    ["in Hindi digits", "4567", "बिल ४५६७ रुपये है"],
    ["in Thai digits", "2569", "ปี ๒๕๖๙"],
    ["of two digits, in Persian ones", "47", "اتاق ۴۷ است"],
    ["for a query in Arabic digits", "٢٠٢٦", "The year 2026 was dry"],
    ["for a query of two Hindi digits", "४७", "Room 47 is free"],
    ["with separators, for a query in wide digits", "９８７６５４", "We have 987,654 of them"],
  ])("%s: %s", async (_, query, text) => {
    const hit = await firstOf(query, text);
    expect(hit).toMatchObject({ seq: NOISE.length + 1 });
    expect(hit!.snippet).toContain("**");
  });

  it("with the group that was asked for marked, and not its neighbours", async () => {
    const hit = await firstOf("2027", "We met on June 12 2027 in Lyon");
    expect(hit!.snippet).toBe("We met on June 12 **2027** in Lyon");
  });

  it("before those that only begin or end with its digits", async () => {
    const found = await search("640", ["The sum is 640 today", "The sum is 7,640 today"]);
    expect(found.map(({ seq }) => seq)).toEqual([1, 2]);
  });
});

it("a bank account is found with its spaces and without", async () => {
  const [spaced, joined] = ["GB82 WEST 1234 5698 7654 32", "GB82WEST12345698765432"];
  expect(await firstOf(joined, `Pay to ${spaced}, please`)).toMatchObject({ seq: 3 });
  expect(await firstOf(spaced, `Pay to ${joined}, please`)).toMatchObject({ seq: 3 });
  expect(await firstOf(joined.toLowerCase(), `Pay to ${spaced}`)).toMatchObject({ seq: 3 });
  expect(await firstOf("ab12 word 5678 more", "ab12 word 5678 more")).toMatchObject({ seq: 3 });
});

it.each([
  ["a hand of another colour", "👋", "👋🏿 Dana"],
  ["a hand without its colour", "👋🏿", "👋 Dana"],
  ["a Hebrew word behind its article", "מחברת", "המחברת על השולחן"],
  ["a Hebrew word with its article", "המחברת", "מחברת חדשה"],
])("finds %s", async (_, query, text) => {
  expect(await firstOf(query, text)).toMatchObject({ seq: NOISE.length + 1 });
});

it("digits of every script are the same digits", () => {
  const systems = Intl.supportedValuesOf("numberingSystem").map((name) => {
    const format = new Intl.NumberFormat(`en-u-nu-${name}`, { useGrouping: false });
    return format.format(9_876_543_210);
  });
  const written = systems.filter((digits) => /^\p{Nd}{10}$/u.test(digits));
  expect(written.length).toBeGreaterThan(30);
  for (const digits of written) expect(digitsOf(digits), digits).toBe("9876543210");
});

it("a table of numbers gives no more parts than a few for each of them", () => {
  const rows = Array.from({ length: 500 }, (_, i) =>
    Array.from({ length: 40 }, (__, j) => 10_000 + i * 40 + j).join(i % 2 === 0 ? " " : ","),
  );
  expect([...numbers(rows.join("\n"))].length).toBeLessThan(500 * 40 * 5);
});
