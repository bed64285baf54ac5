// Search in a million messages: the time of `history_search` with rare words, and with words that a third of all
// messages have. Measured in a small session, in a large one, and in all sessions.
import { modernCall, post } from "./clients.ts";
import { fill } from "./fill.ts";
import { inFolder, startServer } from "./processes.ts";
import { percentile, type Row } from "./row.ts";

const ROUNDS = 12;
/** Distinct words, the first ones most frequent (Zipf's law). */
const WORDS = 20_000;
const CHARACTERS = 3_000;
/** One message in so many is Chinese. */
const CHINESE = 10;

const pick = (count: number): number => Math.floor(Math.exp(Math.random() * Math.log(count)));
const word = (n: number): string => `w${n.toString(36)}q`;
const character = (n: number): string => String.fromCodePoint(0x4e_00 + n);

const said = (n: number): string =>
  n % CHINESE === 0
    ? Array.from({ length: 30 }, () => character(pick(CHARACTERS))).join("")
    : Array.from({ length: 25 }, () => word(pick(WORDS))).join(" ");

const QUERIES: Record<string, readonly string[]> = {
  "rare words": [word(15_000), word(9_876), `${word(12_345)} ${word(19_999)}`, "nowhere"],
  "common words": [word(1), word(2), word(5), word(40)],
  "several words": [
    `${word(1)} ${word(2)} ${word(3)}`,
    `${word(1)} ${word(15_000)}`,
    `${word(7)} ${word(70)} ${word(700)} ${word(7_000)}`,
    Array.from({ length: 12 }, (_, i) => word(2 ** i)).join(" "),
  ],
  Chinese: [
    character(1),
    character(2_500),
    character(1) + character(2),
    character(3) + character(1) + character(900),
    `${character(20)}${character(30)} ${word(3)}`,
  ],
};

export async function* measureSearch(): AsyncGenerator<Row> {
  yield* await inFolder(async (folder) => {
    await fill(folder, { sessions: 4_500, messagesEach: 100, text: said });
    const [large] = await fill(folder, { sessions: 1, messagesEach: 100_000, text: said });
    const [small] = await fill(folder, { sessions: 4_500, messagesEach: 100, text: said });
    const server = await startServer("holdfast.ts", folder);
    const places = {
      "a session of 100": { session: small },
      "a session of 100,000": { session: large },
      "all sessions": { scope: "all" },
    };
    const times = new Map<string, number[]>();
    for (let round = -1; round < ROUNDS; round++) {
      for (const [kind, queries] of Object.entries(QUERIES)) {
        for (const [place, address] of Object.entries(places)) {
          const what = `${kind} in ${place}`;
          if (!times.has(what)) times.set(what, []);
          for (const query of queries) {
            const ms = await timed(server.url, { query, ...address });
            if (round >= 0) times.get(what)!.push(ms);
          }
        }
      }
    }
    await server.kill();
    const all = [...times.values()].flat();
    return [
      ...[...times].map(([what, ms]) => row(`search, ${what} (p50)`, percentile(ms, 50))),
      row("search in 1,000,000 messages, all of these (p50)", percentile(all, 50), 20),
      row("search in 1,000,000 messages, all of these (p99)", percentile(all, 99), 100),
    ];
  });
}

async function timed(url: string, args: object): Promise<number> {
  const started = performance.now();
  const answer = (await (await post(url, modernCall("history_search", args))).json()) as {
    result?: { isError?: boolean };
  };
  const ms = performance.now() - started;
  if (answer.result === undefined || answer.result.isError) throw new Error(JSON.stringify(answer));
  return ms;
}

const row = (what: string, ms: number, atMost?: number): Row => ({
  ...{ what, ours: ms, unit: "ms", figure: ms },
  ...(atMost !== undefined && { reach: { atMost } }),
});
