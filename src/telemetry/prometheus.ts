// The metrics in Prometheus's format. prom-client takes as long to load as a small server takes to start, so the first
// scrape loads it; counting does not need it.
import type { Metric, Registry } from "prom-client";
import type { Counter, Histogram } from "./counters.ts";
import type { Metrics } from "./metrics.ts";
import type { LiveFigures, PoolFigures, StoredFigures } from "./readings.ts";

export interface Exposition {
  contentType: string;
  text: string;
}

export interface Sources {
  metrics: Metrics;
  live(): LiveFigures;
  /** Undefined while the database cannot be read. */
  stored(): Promise<StoredFigures | undefined>;
}

type Labels = Record<string, string | number>;

interface Sample {
  value: number;
  labels?: Labels;
  /** Name if it differs from the metric's key. */
  metricName?: string;
}

type Kind = "counter" | "gauge" | "histogram";

interface Definition {
  name: string;
  help: string;
  type: Kind;
  values: Sample[];
}

/** A function that answers scrapes. */
export function prometheus(sources: Sources): () => Promise<Exposition> {
  return async () => {
    const { Registry } = (await import("prom-client")).default;
    const registry = new Registry();
    for (const metric of await definitions(sources)) register(registry, metric);
    const own = await registry.metrics();
    return { contentType: registry.contentType, text: `${own}\n${await processText()}` };
  };
}

/**
 * Node aborts in `_getActiveHandles` and `_getActiveRequests`, which these call, where an object was collected just before.
 * `nodejs_active_resources` counts the same, and is safe.
 */
const ABORTING = ["handles", "requests"].flatMap((kind) => [
  `nodejs_active_${kind}`,
  `nodejs_active_${kind}_total`,
]);

let aboutProcess: Registry | undefined;

/** Processor, memory, garbage collection and event-loop delay of the process; they exist once for all servers in it. */
async function processText(): Promise<string> {
  if (aboutProcess === undefined) {
    const { collectDefaultMetrics, Registry } = (await import("prom-client")).default;
    aboutProcess = new Registry();
    collectDefaultMetrics({ register: aboutProcess });
    for (const name of ABORTING) aboutProcess.removeSingleMetric(name);
  }
  return aboutProcess.metrics();
}

/**
 * Register an object with `get` alone, the one method that the registry calls: prom-client's own classes would count
 * again.
 */
function register(registry: Registry, definition: Definition): void {
  const metric = { ...definition, aggregator: "sum", get: async () => metric };
  registry.registerMetric(metric as unknown as Metric);
}

async function definitions({ metrics, live, stored }: Sources): Promise<Definition[]> {
  const { tools, methods, refusals, responses, deleted, commitSizes, commitSeconds } = metrics;
  const { clientsInMemory, connectedClients, openStreams, runningCalls, servingProcesses } = live();
  return [
    counter(
      "holdfast_calls_total",
      "Tool calls that have ended, by tool and outcome.",
      [...tools].flatMap(([tool, { outcomes }]) => byLabel("outcome", outcomes, { tool })),
    ),
    {
      ...{ name: "holdfast_call_duration_seconds", type: "histogram" },
      help: "How long tool calls took, by tool.",
      values: [...tools].flatMap(([tool, { seconds }]) =>
        buckets("holdfast_call_duration_seconds", seconds, { tool }),
      ),
    },
    counter(
      "holdfast_requests_total",
      "MCP requests that are no tool calls, by method and outcome.",
      [...methods].flatMap(([method, outcomes]) => byLabel("outcome", outcomes, { method })),
    ),
    counter(
      "holdfast_rejected_requests_total",
      "HTTP requests that were refused, by reason.",
      byLabel("reason", refusals),
    ),
    counter(
      "holdfast_http_responses_total",
      "HTTP answers, by status class.",
      byLabel("class", responses),
    ),
    gauge("holdfast_running_calls", "Calls that are running in this process.", runningCalls),
    gauge(
      "holdfast_serving_processes",
      "Live processes that serve these data; limits are shared among them.",
      servingProcesses,
    ),
    gauge("holdfast_open_streams", "Streams of GET and subscriptions/listen.", openStreams),
    gauge("holdfast_clients_in_memory", "2025-era clients in memory.", clientsInMemory),
    gauge("holdfast_connected_clients", "Clients with an open stream here.", connectedClients),
    counter("holdfast_stream_events_total", "Events written to streams.", [
      { value: metrics.events },
    ]),
    counter(
      "holdfast_log_lines_dropped_total",
      "Log lines that were dropped because the pipe was not read.",
      [{ value: metrics.droppedLogLines }],
    ),
    counter(
      "holdfast_expired_deleted_total",
      "What the cleanup job of this process has deleted, by kind.",
      byLabel("kind", deleted),
    ),
    counter("holdfast_takeovers_total", "Dead processes whose work this one ended or took over.", [
      { value: metrics.takeovers },
    ]),
    counter("holdfast_taken_over_total", "Times that another process took this one for dead.", [
      { value: metrics.takenOver },
    ]),
    {
      ...{ name: "holdfast_commit_operations", type: "histogram" },
      help: "Operations that shared a commit.",
      values: buckets("holdfast_commit_operations", commitSizes),
    },
    {
      ...{ name: "holdfast_commit_duration_seconds", type: "histogram" },
      help: "From the begin of a commit until it is durable.",
      values: buckets("holdfast_commit_duration_seconds", commitSeconds),
    },
    ...storedDefinitions(await stored()),
  ];
}

function storedDefinitions(stored: StoredFigures | undefined): Definition[] {
  if (stored === undefined) return [];
  const { sessions, expiredSessions, messagesEver, historyBytes, stateBytes } = stored;
  return [
    {
      ...{ name: "holdfast_sessions", type: "gauge" },
      help: "Stored sessions: live ones, and expired ones that the next cleanup deletes.",
      values: [
        { value: sessions - expiredSessions, labels: { state: "live" } },
        { value: expiredSessions, labels: { state: "expired" } },
      ],
    },
    counter("holdfast_messages_total", "Messages stored since the database was made.", [
      { value: messagesEver },
    ]),
    {
      ...{ name: "holdfast_stored_bytes", type: "gauge" },
      help: "Text of messages, and state values.",
      values: [
        { value: historyBytes, labels: { kind: "history" } },
        { value: stateBytes, labels: { kind: "state" } },
      ],
    },
    gauge("holdfast_database_bytes", "The database file and its log.", stored.databaseBytes),
    gauge("holdfast_log_bytes", "The write-ahead log alone.", stored.logBytes),
    ...(stored.pool ? poolDefinitions(stored.pool) : []),
  ];
}

const poolDefinitions = ({
  busy,
  idle,
  waiting,
  isListening,
  lagMs,
}: PoolFigures): Definition[] => [
  {
    ...{ name: "holdfast_pool_connections", type: "gauge" },
    help: "Connections of this process to the database server.",
    values: [
      { value: busy, labels: { state: "busy" } },
      { value: idle, labels: { state: "idle" } },
    ],
  },
  gauge("holdfast_pool_waiting", "Operations that wait for a connection.", waiting),
  gauge("holdfast_listening", "1 while changes by other processes are heard.", Number(isListening)),
  ...(lagMs === undefined
    ? []
    : [
        gauge(
          "holdfast_listener_lag_seconds",
          "From a notification of this process until it hears it.",
          lagMs / 1_000,
        ),
      ]),
];

const counter = (name: string, help: string, values: Sample[]): Definition => ({
  ...{ name, help, type: "counter", values },
});

const gauge = (name: string, help: string, value: number): Definition => ({
  ...{ name, help, type: "gauge", values: [{ value }] },
});

const byLabel = (label: string, { entries }: Counter, labels: Labels = {}): Sample[] =>
  entries.map(([name, value]) => ({ value, labels: { ...labels, [label]: name } }));

function buckets(name: string, histogram: Histogram, labels: Labels = {}): Sample[] {
  const { bounds, cumulative, count, sum } = histogram;
  const upTo = (le: string | number, value: number): Sample => ({
    ...{ metricName: `${name}_bucket`, labels: { ...labels, le }, value },
  });
  return [
    ...bounds.map((bound, i) => upTo(bound, cumulative[i]!)),
    upTo("+Inf", count),
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
