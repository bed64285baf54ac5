// The cost of a call as its session grows: at 10,000 and 100,000 messages against 100.
import { modernCall, post } from "./clients.ts";
import { fill } from "./fill.ts";
import { inFolder, startServer } from "./processes.ts";
import { ratio, type Row } from "./row.ts";

const SIZES = [10_000, 100_000];
const ROUNDS = 40;
const CALLS = { chat: { prompt: "What did we say about kelp?" }, history_get: { limit: 50 } };

export async function* measureGrowth(): AsyncGenerator<Row> {
  for (const size of SIZES) {
    for (const [tool, args] of Object.entries(CALLS)) {
      const times = await inTurn(size, tool, args);
      yield ratio(`${tool} at ${size.toLocaleString("en")} messages / at 100`, "ms", times, {
        atMost: 1.3,
      });
    }
  }
}

function inTurn(
  size: number,
  tool: string,
  args: object,
): Promise<{ ours: number[]; theirs: number[] }> {
  return inFolder((large) =>
    inFolder(async (small) => {
      const sides = [];
      for (const [folder, messagesEach] of [
        [large, size],
        [small, 100],
      ] as const) {
        const [session] = await fill(folder, { sessions: 1, messagesEach });
        const server = await startServer("holdfast.ts", folder);
        sides.push({
          server,
          request: modernCall(tool, { session, ...args }),
          times: [] as number[],
        });
      }
      for (let round = -5; round < ROUNDS; round++) {
        for (const { server, request, times } of sides) {
          const started = performance.now();
          await (await post(server.url, request)).text();
          if (round >= 0) times.push(performance.now() - started);
        }
      }
      await Promise.all(sides.map(({ server }) => server.kill()));
      return { ours: sides[0]!.times, theirs: sides[1]!.times };
    }),
  );
}
