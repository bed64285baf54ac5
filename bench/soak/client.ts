// A long-lived client: one call after another, through all faults, and never a second initialize.
import { setTimeout as sleep } from "node:timers/promises";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { newId } from "../../src/lib/ids.ts";

/**
 * Milliseconds of silence after which a call has no outcome. On a busy machine a start takes as long as a server lives
 * here, so many tries of a client, one in 5 s, find none.
 */
const OUTCOME_MS = 600_000;

export class Tally {
  calls = 0;
  interrupted = 0;
  refused = 0;
  withoutOutcome = 0;
  /** Answers that say that the client is unknown. */
  unknownClient = 0;
  /** Values that the server has acknowledged as stored. */
  readonly acknowledged: string[] = [];
}

/** Initialize a client. Returns its loop, which resolves once `running` is false and the last call has ended. */
export async function introduce(
  name: string,
  url: URL,
  tally: Tally,
): Promise<(running: () => boolean) => Promise<void>> {
  const client = new Client({ name: `soak-${name}`, version: "1" });
  let trace: string[] = [];
  const note = (line: string): void => {
    if (trace.length < 400) trace.push(`${new Date().toISOString().slice(14, 23)} ${line}`);
  };
  client.onerror = (error) => note(`onerror ${error.message}`);
  const reconnectionOptions = {
    initialReconnectionDelay: 200,
    maxReconnectionDelay: 1_000,
    reconnectionDelayGrowFactor: 1.5,
    maxRetries: 10_000,
  };
  const fetch = observedFetch(note, tally);
  await client.connect(new StreamableHTTPClientTransport(url, { reconnectionOptions, fetch }));
  const callOnce = async (n: number): Promise<void> => {
    const content = `${name}/${n}`;
    const call = someCall(content);
    tally.calls += 1;
    trace = [];
    try {
      const result = await client.callTool(call, {
        timeout: OUTCOME_MS,
        onprogress: () => undefined,
      });
      if (result._meta?.["interrupted"] === true) tally.interrupted += 1;
      else if (result.isError) tally.refused += 1;
      else if (call.name === "history_append") tally.acknowledged.push(content);
    } catch (error) {
      if ((error as { code?: unknown }).code === "REQUEST_TIMEOUT") {
        tally.withoutOutcome += 1;
        console.error(`client ${name} call ${n} ${JSON.stringify(call)}\n${trace.join("\n")}`);
      } else tally.refused += 1; // the connection broke before any answer: the caller knows
      await sleep(200); // a person would wait too
    }
  };
  return async (running) => {
    for (let n = 0; running(); n++) await callOnce(n);
    await client.close();
  };
}

function someCall(content: string): { name: string; arguments: Record<string, unknown> } {
  const kind = Math.random();
  return kind < 0.6
    ? { name: "history_append", arguments: { role: "user", content } }
    : { name: kind < 0.8 ? "count" : "count_once", arguments: { steps: 4, step_ms: 100 } };
}

/** A fetch that records the traffic, to print it when a call has no outcome. */
function observedFetch(note: (line: string) => void, tally: Tally): typeof fetch {
  return async (input, init) => {
    const lastEventId = new Headers(init?.headers).get("last-event-id");
    const name = `${init?.method ?? "GET"}#${newId().slice(-4)}`;
    const from = lastEventId === null ? "" : `from ${lastEventId} `;
    note(`${name} ${from}${String(init?.body ?? "").slice(0, 160)}`);
    try {
      const response = await fetch(input, init);
      note(`${name} ${response.status}`);
      if (response.status === 404) tally.unknownClient += 1;
      if (response.body === null) return response;
      const seen = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          note(`${name} << ${JSON.stringify(new TextDecoder().decode(chunk).slice(0, 200))}`);
          controller.enqueue(chunk);
        },
        flush: () => note(`${name} ended`),
      });
      const body = response.body.pipeThrough(seen, { preventAbort: false });
      const { status, statusText, headers } = response;
      return new Response(body, { status, statusText, headers });
    } catch (error) {
      note(`${name} failed: ${String((error as Error).cause ?? error)}`);
      throw error;
    }
  };
}
