// The first call of a client after a restart, against its second.
import { legacy, post, type PreparedRequest } from "./clients.ts";
import { inFolder, startServer } from "./processes.ts";
import { median, type Row } from "./row.ts";

const CLIENTS = 300;

export async function* measureRehydration(): AsyncGenerator<Row> {
  yield await inFolder(async (folder) => {
    const first = await startServer("holdfast.ts", folder);
    const workload = legacy("state_set", { key: "k", value: 1 });
    const clients: PreparedRequest[] = [];
    for (let i = 0; i < CLIENTS; i++) {
      const request = await workload(first.url);
      await (await post(first.url, request)).text();
      clients.push(request);
    }
    await first.kill();
    const { url, kill } = await startServer("holdfast.ts", folder);
    const call = async (request: PreparedRequest): Promise<number> => {
      const started = performance.now();
      await (await post(url, request)).text();
      return performance.now() - started;
    };
    for (const request of clients.splice(0, 50)) await call(request); // warm-up, not measured
    const [cold, warm] = [[] as number[], [] as number[]];
    for (const request of clients) {
      cold.push(await call(request));
      warm.push(await call(request));
    }
    await kill();
    return {
      what: "first call after a restart, more than the second (p50)",
      unit: "ms",
      ours: median(cold),
      theirs: median(warm),
      figure: median(cold) - median(warm),
      reach: { atMost: 3 },
    };
  });
}
