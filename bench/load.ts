// Puts load on a server: a number of connections, each with its own client, which calls again after each answer.
import autocannon from "autocannon";
import type { PreparedRequest, Workload } from "./clients.ts";

export interface LoadOptions {
  connections: number;
  seconds: number;
}

export interface LoadResult {
  requests: number;
  requestsPerSecond: number;
  /** Processor time of the load itself, in microseconds a request, and its share of one core. */
  ownMicros: number;
  ownShare: number;
  p50: number;
  p99: number;
}

/** @throws Error for any answer but a 200 */
export async function load(
  url: string,
  workload: Workload,
  { connections, seconds }: LoadOptions,
): Promise<LoadResult> {
  const requests = await Promise.all(Array.from({ length: connections }, () => workload(url)));
  return run(url, requests, seconds);
}

async function run(
  url: string,
  requests: readonly PreparedRequest[],
  seconds: number,
): Promise<LoadResult> {
  const waiting = [...requests];
  const before = process.cpuUsage();
  const result = await autocannon({
    url,
    method: "POST",
    connections: requests.length,
    duration: seconds,
    setupClient: (client) => {
      const { headers, body } = waiting.pop()!;
      client.setHeadersAndBody(headers, body);
    },
  });
  if (result.non2xx + result.errors + result.timeouts > 0)
    throw new Error(
      `${result.non2xx} refusals, ${result.errors} errors, ${result.timeouts} timeouts`,
    );
  const { user, system } = process.cpuUsage(before);
  const { latency } = result;
  return {
    requests: result["2xx"],
    requestsPerSecond: result["2xx"] / result.duration,
    ownMicros: (user + system) / result["2xx"],
    ownShare: (user + system) / 1e6 / result.duration,
    p50: latency.p50,
    p99: latency.p99,
  };
}
