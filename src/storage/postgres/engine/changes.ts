// Changes by other processes, over LISTEN and NOTIFY. A notification is a wake-up and nothing else: it may get lost, and the
// tables say what is there. It is sent after the commit and not within: PostgreSQL commits transactions that notify one after
// the other.
import type pg from "pg";
import { ANYTHING, type Changed, type Changes, type Subject } from "../../../updates/changes.ts";

const CHANNEL = "holdfast";
/** Wake-ups of this time are sent together. */
const GATHER_MS = 5;
/** Maximum number of subjects in one notification, whose text may have 8,000 bytes; more are sent as "anything". */
const MAX_SUBJECTS = 80;
/** Between two signs of life on the listening connection, and after a failure until the next attempt. */
const HEARTBEAT_MS = 10_000;
const RETRY_MS = 1_000;

type Listener = (changed: Changed) => void;

const keyOf = ({ kind, id }: Subject): string => `${kind} ${id}`;

export class Notifications implements Changes {
  readonly #open: () => pg.Client;
  readonly #send: (text: string) => Promise<unknown>;
  /** Tells this process's own notifications from others'. */
  readonly #sender: string;
  readonly #listeners = new Set<{ listener: Listener }>();
  readonly #pending = new Set<string>();
  #gathering: NodeJS.Timeout | undefined;
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** `open` makes a client of the database itself, not of a pooler; `send` runs a query with one parameter. */
  constructor(sender: string, open: () => pg.Client, send: (text: string) => Promise<unknown>) {
    this.#sender = sender;
    this.#open = open;
    this.#send = send;
  }

  /** Begins to listen; resolves when it does, or has failed and will try again. */
  start(): Promise<void> {
    return this.#connect();
  }

  watch(listener: Listener): Disposable {
    const entry = { listener };
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  /** To be called after a commit. */
  note(subjects: readonly Subject[]): void {
    for (const subject of subjects) this.#pending.add(keyOf(subject));
    this.#gathering ??= setTimeout(() => void this.#flush(), GATHER_MS);
  }

  /** Wakes this process's own watchers, after a commit that ends what a dead process has left. */
  report(changed: Changed = ANYTHING): void {
    for (const { listener } of this.#listeners) listener(changed);
  }

  /** Sends what is pending. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#gathering);
    await this.#flush();
    await this.#client?.end().catch(() => undefined);
  }

  async #flush(): Promise<void> {
    this.#gathering = undefined;
    if (this.#pending.size === 0) return;
    const subjects = this.#pending.size > MAX_SUBJECTS ? ["*"] : [...this.#pending];
    this.#pending.clear();
    // Lost ones are found by the slow look of those who wait.
    await this.#send(JSON.stringify([this.#sender, ...subjects])).catch(() => undefined);
  }

  async #connect({ again = false } = {}): Promise<void> {
    const client = (this.#client = this.#open());
    const lost = (): void => {
      if (this.#client !== client) return;
      this.#client = undefined;
      client.end().catch(() => undefined);
      if (this.#closed) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        void this.#connect({ again: true });
      }, RETRY_MS).unref();
    };
    client.on("error", lost);
    client.on("end", lost);
    client.on("notification", ({ payload = "" }) => this.#receive(payload));
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      if (again) this.report(); // of what happened meanwhile
      this.#beat(client, lost);
    } catch {
      lost();
    }
  }

  /** A listener whose connection is dead hears nothing, and no error either. */
  #beat(client: pg.Client, lost: () => void): void {
    this.#timer = setTimeout(() => {
      const late = setTimeout(lost, HEARTBEAT_MS).unref();
      client
        .query("SELECT 1")
        .then(() => this.#client === client && !this.#closed && this.#beat(client, lost), lost)
        .finally(() => clearTimeout(late));
    }, HEARTBEAT_MS).unref();
  }

  #receive(payload: string): void {
    const [sender, ...subjects] = parsed(payload);
    if (sender === this.#sender) return;
    const known = new Set(subjects);
    if (sender === undefined || known.has("*")) return this.report();
    this.report({ includes: (kind, id) => known.has(keyOf({ kind, id })) });
  }
}

/** Empty for what another program has sent on this channel. */
function parsed(payload: string): string[] {
  try {
    const value: unknown = JSON.parse(payload);
    return Array.isArray(value) ? value.map(String) : [];
  } catch {
    return [];
  }
}

export const NOTIFY = `SELECT pg_notify('${CHANNEL}', $1)`;
