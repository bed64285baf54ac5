// Puts load on a server: a number of connections, each with its own client, which calls again after each answer. Sockets
// and no HTTP client: the load runs beside the server, and what it takes of the machine hides how quick the server is.
import { connect } from "node:net";
import type { PreparedRequest, Workload } from "./clients.ts";
import { percentile } from "./row.ts";

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
  /** Milliseconds. */
  p50: number;
  p99: number;
}

const PATIENCE_MS = 10_000;

/** @throws Error for any answer but a 200 */
export async function load(
  url: string,
  workload: Workload,
  { connections, seconds }: LoadOptions,
): Promise<LoadResult> {
  const requests = await Promise.all(Array.from({ length: connections }, () => workload(url)));
  const start = performance.now();
  const before = process.cpuUsage();
  const end = start + seconds * 1000;
  const times = await Promise.all(requests.map((request) => repeat(new URL(url), request, end)));
  const { user, system } = process.cpuUsage(before);
  const elapsed = (performance.now() - start) / 1000;
  const all = times.flat();
  return {
    requests: all.length,
    requestsPerSecond: all.length / elapsed,
    ownMicros: (user + system) / all.length,
    ownShare: (user + system) / 1e6 / elapsed,
    p50: percentile(all, 50),
    p99: percentile(all, 99),
  };
}

/** Send a request over one connection until `end`; resolves to the milliseconds that each answer took. */
function repeat(url: URL, request: PreparedRequest, end: number): Promise<number[]> {
  const bytes = serialize(url, request);
  const times: number[] = [];
  return new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    let sent = performance.now();
    let answer = "";
    socket.write(bytes);
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error("No answer in time")));
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1"); // one character a byte, as lengths are told
      if (!isWhole(answer)) return;
      if (!answer.startsWith("HTTP/1.1 200")) return socket.destroy(new Error(answer));
      answer = "";
      const now = performance.now();
      times.push(now - sent);
      sent = now;
      if (now < end) return socket.write(bytes);
      resolve(times);
      return socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("The server closed the connection")));
  });
}

function serialize(url: URL, { headers, body }: PreparedRequest): Buffer {
  const all = { host: url.host, ...headers, "content-length": Buffer.byteLength(body) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${url.pathname} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

/** The one answer on its way, with a length or in chunks, has arrived. Neither JSON nor events hold a raw CR LF. */
function isWhole(answer: string): boolean {
  const head = answer.indexOf("\r\n\r\n");
  if (head === -1) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(answer.slice(0, head))?.[1];
  return length === undefined
    ? answer.endsWith("\r\n0\r\n\r\n")
    : answer.length >= head + 4 + Number(length);
}
