// Resident memory: with a large database and a thousand active clients, and with thousands of idle streams.
import { introduce, legacy, post } from "./clients.ts";
import { fill } from "./fill.ts";
import { load } from "./load.ts";
import { inFolder, residentBytes, type Running, startServer } from "./processes.ts";
import type { Row } from "./row.ts";

const LIVE = 1_000;
const STREAMS = 5_000;
const MB = 1_000_000;
const workload = legacy("state_set", { key: "k", value: 1 });

export async function* measureMemory(): AsyncGenerator<Row> {
  const used = (sessions: number, live: number): Promise<number> =>
    inFolder(async (folder) => {
      await fill(folder, { sessions, messagesEach: 1 });
      const server = await startServer("holdfast.ts", folder);
      for (let i = 0; i < live; i++) {
        const request = await workload(server.url);
        await (await post(server.url, request)).text();
      }
      const bytes = residentBytes(server.pid);
      await server.kill();
      return bytes;
    });
  const [full, empty] = [await used(100_000, LIVE), await used(0, 1)];
  yield {
    what: "memory, 100,000 sessions stored and 1,000 live / empty: more",
    unit: "MB",
    ours: full / MB,
    theirs: empty / MB,
    figure: (full - empty) / MB,
    reach: { atMost: 100 },
  };
}

export async function* measureStreams(): AsyncGenerator<Row> {
  yield* await inFolder(async (folder) => {
    const server = await startServer("holdfast.ts", folder);
    const options = { connections: 4, seconds: 4 };
    await load(server.url, workload, options);
    const before = {
      p99: (await load(server.url, workload, options)).p99,
      bytes: residentBytes(server.pid),
    };
    const leaving = new AbortController();
    await openStreams(server, leaving.signal);
    const bytes = residentBytes(server.pid);
    const { p99 } = await load(server.url, workload, options);
    leaving.abort();
    await server.kill();
    return [
      {
        what: "5,000 idle streams: memory each",
        unit: "KB",
        ours: bytes / 1_000,
        theirs: before.bytes / 1_000,
        figure: (bytes - before.bytes) / STREAMS / 1_000,
        reach: { atMost: 40 },
      },
      {
        what: "p99 of calls beside 5,000 idle streams / without",
        unit: "ms",
        ours: p99,
        theirs: before.p99,
        figure: p99 / before.p99,
        reach: { atMost: 2 },
      },
    ];
  });
}

async function openStreams({ url }: Running, signal: AbortSignal): Promise<void> {
  const open = async (): Promise<void> => {
    const headers = await introduce(url);
    const response = await fetch(url, {
      headers: { ...headers, accept: "text/event-stream" },
      signal,
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    response.body!.pipeTo(new WritableStream()).catch(() => undefined); // ends by the abort
  };
  for (let i = 0; i < STREAMS; i += 50) await Promise.all(Array.from({ length: 50 }, open));
}
