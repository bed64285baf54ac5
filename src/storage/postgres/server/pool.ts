// Connections to the database server. Whatever goes wrong with them is told without the password.
import pg from "pg";
import { databaseName, libpqMode, shownUrl } from "../../../config/database-url.ts";
import { AppError } from "../../../lib/errors.ts";
import type { DatabaseServer } from "../../storage.ts";
import { codeOf } from "../engine/errors.ts";
import { connectionOf } from "./connection.ts";

const DEFAULT_SIZE = 10;
/** A statement that takes longer is stuck. */
const STATEMENT_TIMEOUT_MS = 60_000;
/** A process that is paused in a transaction holds its locks for so long; others take it for dead then, too. */
const PAUSE_MS = 10_000;
const PROBE_MS = 5_000;

export function openPool({ url, listenUrl, poolSize = DEFAULT_SIZE }: DatabaseServer): pg.Pool {
  const pool = new pg.Pool({
    ...connectionOf(url),
    ...{ max: poolSize, pipeline: true },
    // A pooler refuses them.
    ...(listenUrl === undefined && {
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: PAUSE_MS,
    }),
  });
  // A connection was lost: the query that is under way has the error, and the next one opens another connection.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

/** A connection for LISTEN, which lasts. */
export const openListener = ({ url, listenUrl = url }: DatabaseServer): pg.Client =>
  new pg.Client(connectionOf(listenUrl));

/**
 * Checks that a pooler, which gives connections to others between transactions, keeps prepared statements apart. `client` is one
 * of its own: behind a pooler, another process answers than the one that the sign-in named.
 */
export async function checkPooler({ url }: DatabaseServer, client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  if (rows[0]!.pid === (client as unknown as { processID: number }).processID) return;
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

const MIXED_UP: readonly [string, string] = [
  "a pooler there mixes up prepared statements",
  "PgBouncer needs to be 1.21 or newer, with max_prepared_statements above 0.",
];

type Reason = readonly [message: string, hint: string | ((url: string) => string)];

const UNTRUSTED: Reason = [
  "this machine trusts nobody who has signed its certificate",
  "Name the authority's certificate: ?sslmode=verify-full&sslrootcert=FILE.",
];
const SILENT: Reason = [
  "it does not answer",
  "Check the host and the port in database-url, the network and the firewall.",
];

const ADD_PASSWORD = "Put it into database-url, or into PGPASSWORD.";

function hasPassword(url: string): boolean {
  const { password, searchParams } = new URL(url);
  return password !== "" || searchParams.has("password");
}

const REASONS: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: ["nobody listens there", "Start PostgreSQL, or correct database-url."],
  ECONNRESET: [
    "it breaks the connection off",
    "Correct the port in database-url; sslnegotiation=direct needs PostgreSQL 17 or newer.",
  ],
  ENOENT: [
    "there is no socket of PostgreSQL in this folder",
    "Correct the host or the port in database-url, or start PostgreSQL.",
  ],
  EACCES: ["this user of the system may not open its socket", "Check the rights of the folder."],
  ENOTFOUND: ["this host is unknown", "Correct the host in database-url."],
  EAI_AGAIN: [
    "the host's name cannot be looked up",
    "Check the network, or the host in database-url.",
  ],
  ETIMEDOUT: SILENT,
  EHOSTUNREACH: SILENT,
  ENETUNREACH: SILENT,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  ERR_TLS_CERT_ALTNAME_INVALID: [
    "its certificate is for another host",
    "Name the host of the certificate in database-url, or use sslmode=verify-ca with sslrootcert.",
  ],
  CERT_HAS_EXPIRED: ["its certificate has expired", "Renew the server's certificate."],
  CERT_NOT_YET_VALID: ["its certificate is not valid yet", "Check the clocks of both machines."],
  "08P01": [
    "a pooler there refuses a parameter of the connection",
    "Set listen-url to the address of PostgreSQL itself: see docs/postgres.md.",
  ],
  "26000": MIXED_UP,
  "42P05": MIXED_UP,
  "28P01": [
    "the password is wrong",
    (url) => (hasPassword(url) ? "Correct the password in database-url." : ADD_PASSWORD),
  ],
  "28000": [
    "this user may not sign in",
    (url) => {
      const isPlain = (libpqMode(new URL(url)) ?? "disable") === "disable";
      const tls = isPlain ? " A server that wants TLS needs ?sslmode=verify-full." : "";
      return `Check the user in database-url, and the server's pg_hba.conf.${tls}`;
    },
  ],
  "3D000": ["this database does not exist", (url) => `Make it: createdb ${databaseName(url)}`],
  "42501": [
    "this user has not the rights to make the tables",
    "See docs/postgres.md for the rights that it needs.",
  ],
  "53300": ["it has no connection left", "Raise PostgreSQL's max_connections, or lower pool-size."],
  "53100": ["its disk is full", "Free some space."],
  "57P03": ["it is starting or stopping", "Try again in a moment."],
  "25006": ["it is read-only", "Give the address of the primary server."],
};

/** Errors of the driver itself, which have no code. */
const SAYINGS: readonly (readonly [RegExp, Reason])[] = [
  [/timeout/, SILENT],
  [/password must be/, ["no password is given", "Put it into database-url, or into PGPASSWORD."]],
  [
    /does not support SSL/,
    ["it offers no TLS", "Turn ssl on in postgresql.conf, or set sslmode=disable."],
  ],
  [
    /Connection terminated|establishing an SSL/,
    ["it ends the connection", "If no PostgreSQL listens there, correct the port in database-url."],
  ],
];

const isSqlState = (code = ""): boolean => /^[0-9A-Z]{5}$/.test(code);

/** An error of the start as one line. */
export function cannotOpen(url: string, error: unknown): unknown {
  if (error instanceof AppError) return error;
  const code = codeOf(error);
  const text =
    error instanceof Error ? (error.cause instanceof Error ? error.cause : error).message : "";
  const known =
    code === undefined
      ? SAYINGS.find(([saying]) => saying.test(sayingsOf(error)))?.[1]
      : REASONS[code];
  const fallback = isSqlState(code) ? "PostgreSQL's own log says more." : undefined;
  const [reason, advice = fallback] = known ?? [text];
  const hint = typeof advice === "function" ? advice(url) : advice;
  return new AppError("start", `${shownUrl(url)}: ${reason || "the database cannot be opened"}.`, {
    ...(hint !== undefined && { hint }),
    cause: error,
  });
}

/** The texts of an error and of its causes. */
function sayingsOf(error: unknown): string {
  const texts: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) texts.push(cause.message);
  return texts.join("\n");
}
