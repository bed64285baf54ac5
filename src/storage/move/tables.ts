// The tables that a move copies, in an order in which each comes after those that it refers to. Not here: what an engine derives
// from them, its accounts and its full-text index.
import { AppError } from "../../lib/errors.ts";

export interface Table {
  name: string;
  /** Columns in whose order both engines read the rows. */
  key: readonly string[];
  /** True if the database numbers new rows. */
  numbered?: boolean;
}

const table = (name: string, ...key: readonly string[]): Table => ({ name, key });
const numbered = (name: string): Table => ({ name, key: ["id"], numbered: true });

export const TABLES: readonly Table[] = [
  table("sessions", "id"),
  table("clients", "id"),
  table("instances", "id"),
  table("leases", "name"),
  table("session_state", "session_id", "key"),
  numbered("messages"),
  table("history_gaps", "session_id"),
  table("summaries", "session_id"),
  table("grants", "session_id", "principal"),
  table("share_offers", "session_id", "principal"),
  table("connections", "client_id", "instance_id"),
  table("running_sessions", "session_id", "instance_id"),
  table("turns", "session_id"),
  numbered("streams"),
  table("stream_events", "stream_id", "seq"),
  table("stream_sessions", "stream_id", "session_id"),
  table("open_requests", "stream_id", "request_id"),
  numbered("outbox"),
  numbered("relayed"),
  table("subscriptions", "client_id", "uri"),
  numbered("signing_keys"),
  numbered("keyed_calls"),
  table("keyed_call_changes", "call_id", "what", "n"),
  table("tasks", "id"),
  table("task_steps", "task_id", "name"),
  table("api_keys", "id"),
  table("passkeys", "id"),
  table("passkey_challenges", "hash"),
  table("browser_sessions", "hash"),
  table("oauth_clients", "id"),
  table("oauth_grants", "id"),
  table("oauth_records", "kind", "hash"),
  table("oauth_keys", "id"),
  numbered("audit"),
  table("cutoffs", "kind"),
  table("clock_jumps", "asleep"),
  table("retention", "id"),
];

/** Tables that a server fills although nobody uses it, in the order of `TABLES`; a move replaces what is in them. */
const OWN = new Set([
  ...["instances", "leases", "signing_keys", "oauth_keys"],
  ...["cutoffs", "clock_jumps", "retention"],
]);
export const OWN_TABLES = TABLES.filter(({ name }) => OWN.has(name));

/** @throws AppError `conflict` if people or their programs have filled a table of the target */
export async function refuseFilled(
  place: string,
  isFilled: (name: string) => boolean | Promise<boolean>,
): Promise<void> {
  const filled: string[] = [];
  for (const { name } of TABLES)
    if (!OWN.has(name) && (await isFilled(name))) filled.push(name.replaceAll("_", " "));
  if (filled.length === 0) return;
  const found = filled.includes("sessions") ? "conversations" : `data (${filled.join(", ")})`;
  throw new AppError("conflict", `${place}: there are ${found} here already.`, {
    hint: "Name an empty place: another database, or another folder.",
  });
}

/** A column's value; booleans are 0 and 1. */
export type Value = string | number | null | Buffer;
export type Row = Record<string, Value>;

/** One end of a move. */
export interface End {
  /** Where it is, as people may read it. */
  readonly place: string;
  columns(table: Table): Promise<string[]>;
  count(table: Table): Promise<number>;
  /** Pages of rows in the order of the key, all as they were at one moment. */
  rows(table: Table, columns: readonly string[]): AsyncIterable<Row[]>;
  close(): Promise<void>;
}

/** The end that is written: all or nothing. */
export interface Target extends End {
  insert(table: Table, columns: readonly string[], rows: readonly Row[]): Promise<void>;
  /** To be called after the last row; nothing is stored before. */
  commit(): Promise<void>;
}

/** Rows a page. */
export const PAGE = 500;
