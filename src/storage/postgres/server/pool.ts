// Connections to the database server. Whatever goes wrong with them is told without the password.
import pg from "pg";
import { shownUrl } from "../../../config/database-url.ts";
import { AppError } from "../../../lib/errors.ts";
import type { DatabaseServer } from "../../storage.ts";
import { codeOf } from "../engine/errors.ts";

const DEFAULT_SIZE = 10;
/** A statement that takes longer is stuck. */
const STATEMENT_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
const PROBE_MS = 5_000;
/** Silence after which the system asks whether the other side is there. */
const KEEP_ALIVE_MS = 10_000;

export function openPool({ url, listenUrl, poolSize = DEFAULT_SIZE }: DatabaseServer): pg.Pool {
  const pool = new pg.Pool({
    ...connectionOf(url),
    ...{ max: poolSize, pipeline: true },
    // A pooler refuses it.
    ...(listenUrl === undefined && { statement_timeout: STATEMENT_TIMEOUT_MS }),
  });
  // A connection was lost: the query that is under way has the error, and the next one opens another connection.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

/** A connection for LISTEN, which lasts. */
export const openListener = ({ url, listenUrl = url }: DatabaseServer): pg.Client =>
  new pg.Client(connectionOf(listenUrl));

/** Checks that a pooler, which gives connections to others between transactions, keeps prepared statements apart. */
export async function checkPooler({ url }: DatabaseServer): Promise<void> {
  const clients = [new pg.Client(connectionOf(url)), new pg.Client(connectionOf(url))] as const;
  for (const client of clients) client.on("error", () => undefined); // the query has it too
  try {
    for (const client of clients) await client.connect();
    // By turns: whichever connection each has, one of the two has had the statement there before.
    for (const client of [...clients, ...clients])
      await client.query({ name: "holdfast_check", text: "SELECT 1" });
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  }
}

/** A connection that asks whether the server is there, and gives up soon. */
export const openProbe = ({ url }: DatabaseServer, waitMs = PROBE_MS): pg.Client =>
  new pg.Client({
    ...connectionOf(url),
    ...{ connectionTimeoutMillis: waitMs, query_timeout: waitMs },
  });

function connectionOf(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: "holdfast",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...{ keepAlive: true, keepAliveInitialDelayMillis: KEEP_ALIVE_MS },
  };
}

const MIXED_UP = [
  "a pooler there mixes up prepared statements",
  "PgBouncer needs to be 1.21 or newer, with max_prepared_statements above 0.",
] as const;

const REASONS: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  ECONNREFUSED: ["nobody listens there", "Start PostgreSQL, or correct database-url."],
  ENOTFOUND: ["this host is unknown", "Correct the host in database-url."],
  EAI_AGAIN: [
    "the host's name cannot be looked up",
    "Check the network, or the host in database-url.",
  ],
  ETIMEDOUT: ["it does not answer", "Check the network and the firewall."],
  "08P01": [
    "a pooler there refuses a parameter of the connection",
    "Set listen-url to the address of PostgreSQL itself: see docs/postgres.md.",
  ],
  "26000": MIXED_UP,
  "42P05": MIXED_UP,
  "28P01": ["the password is wrong", "Correct the password in database-url."],
  "28000": [
    "this user may not sign in",
    "Check the user in database-url, and the server's pg_hba.conf.",
  ],
  "3D000": ["this database does not exist", "Make it: createdb holdfast"],
  "42501": [
    "this user has not the rights to make the tables",
    "See docs/postgres.md for the rights that it needs.",
  ],
  "53300": ["it has no connection left", "Raise PostgreSQL's max_connections, or lower pool-size."],
  "53100": ["its disk is full", "Free some space."],
  "57P03": ["it is starting or stopping", "Try again in a moment."],
  "25006": ["it is read-only", "Give the address of the primary server."],
};

const isSqlState = (code = ""): boolean => /^[0-9A-Z]{5}$/.test(code);

/** An error of the start as one line. */
export function cannotOpen(url: string, error: unknown): unknown {
  if (error instanceof AppError) return error;
  const code = codeOf(error);
  const fallback = isSqlState(code) ? "PostgreSQL's own log says more." : undefined;
  const [message, hint = fallback] = REASONS[code ?? ""] ?? [];
  const reason =
    message ??
    (error instanceof Error ? (error.cause instanceof Error ? error.cause : error).message : "");
  return new AppError("start", `${shownUrl(url)}: ${reason || "the database cannot be opened"}.`, {
    ...(hint !== undefined && { hint }),
    cause: error,
  });
}
