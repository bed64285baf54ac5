// Time from the start of the process to the first answer: with a hundred thousand sessions, and with an empty file.
import { introduce } from "./clients.ts";
import { fill } from "./fill.ts";
import { inFolder, startServer } from "./processes.ts";
import { ratio, type Row } from "./row.ts";

const ROUNDS = 7;

export async function* measureStart(): AsyncGenerator<Row> {
  yield await inFolder((full) =>
    inFolder(async (empty) => {
      await fill(full, { sessions: 100_000, messagesEach: 10 });
      await fill(empty, { sessions: 0, messagesEach: 0 });
      const times = { ours: [] as number[], theirs: [] as number[] };
      for (let round = 0; round <= ROUNDS; round++) {
        const [ours, theirs] = [await firstAnswer(full), await firstAnswer(empty)];
        if (round === 0) continue; // warm-up
        times.ours.push(ours);
        times.theirs.push(theirs);
      }
      return ratio(
        "start to first answer, 100,000 sessions and 1,000,000 messages / empty",
        "ms",
        times,
        {
          atMost: 1.2,
        },
      );
    }),
  );
}

async function firstAnswer(folder: string): Promise<number> {
  const started = performance.now();
  const server = await startServer("holdfast.ts", folder);
  await introduce(server.url);
  const ms = performance.now() - started;
  await server.kill();
  return ms;
}
