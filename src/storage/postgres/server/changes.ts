// Changes by other processes, over LISTEN and NOTIFY. A notification is a wake-up and nothing else: it may get lost, and the
// tables say what is there. It is sent after the commit and not within: PostgreSQL commits transactions that notify one after
// the other.
import type pg from "pg";
import { Listeners } from "../../../lib/listeners.ts";
import { ANYTHING, type Changed, type Changes, type Subject } from "../../../updates/changes.ts";
import { isWrongAddress } from "./listener.ts";

const CHANNEL = "holdfast";
/** Wake-ups of this time are sent together. */
const GATHER_MS = 5;
/** Maximum number of subjects in one notification, whose text may have 8,000 bytes; more are sent as "anything". */
const MAX_SUBJECTS = 80;
/** Between two signs of life on the listening connection, and the longest way of one. */
const HEARTBEAT_MS = 10_000;
const ECHO_MS = 5_000;
/** After a failure until the next attempt. */
const RETRY_MS = 2_000;

const keyOf = ({ kind, id }: Subject): string => `${kind} ${id}`;

export interface NotificationsOptions {
  /** Tells this process's own notifications from others'. */
  sender: string;
  /** Makes a client of the database itself, not of a pooler. */
  open: () => pg.Client;
  /** Runs a query with one parameter. */
  send: (text: string) => Promise<unknown>;
  /** Called when nothing can be heard, with an error or without, and when something is heard again. */
  onHearing?: ((state: { isDeaf: boolean; error?: unknown }) => void) | undefined;
}

export class Notifications implements Changes {
  readonly #open: () => pg.Client;
  readonly #send: (text: string) => Promise<unknown>;
  readonly #sender: string;
  readonly #listeners = new Listeners<[changed: Changed]>();
  readonly #pending = new Set<string>();
  #gathering: NodeJS.Timeout | undefined;
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isListening = false;
  /** Time at which the last sign of life was sent, and how long it took to come back. */
  #sentAt: number | undefined;
  #lagMs: number | undefined;
  readonly #onHearing: NotificationsOptions["onHearing"];
  /** True from a failure that was told until something is heard. */
  #isDeaf = false;
  #closed = false;

  constructor({ sender, open, send, onHearing }: NotificationsOptions) {
    this.#sender = sender;
    this.#open = open;
    this.#send = send;
    this.#onHearing = onHearing;
  }

  /**
   * Begins to listen; resolves when it does, or has failed and will try again.
   * @throws the error of an address that is wrong
   */
  async start(): Promise<void> {
    const failure = await this.#connect();
    if (isWrongAddress(failure)) {
      await this.close();
      throw failure;
    }
    if (failure !== undefined) this.#tell(true, failure);
  }

  /** False while changes by other processes are only looked for now and then. */
  get isListening(): boolean {
    return this.#isListening;
  }

  /** Milliseconds that the last notification to itself took; undefined before the first. */
  get lagMs(): number | undefined {
    return this.#lagMs;
  }

  get watch(): Changes["watch"] {
    return this.#listeners.watch;
  }

  /** To be called after a commit. */
  note(subjects: readonly Subject[]): void {
    for (const subject of subjects) this.#pending.add(keyOf(subject));
    this.#gathering ??= setTimeout(() => void this.#flush(), GATHER_MS);
  }

  /** Wakes this process's own watchers, after a commit that ends what a dead process has left. */
  report(changed: Changed = ANYTHING): void {
    this.#listeners.tell(changed);
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

  #tell(isDeaf: boolean, error?: unknown): void {
    if (this.#isDeaf === isDeaf || this.#closed) return;
    this.#isDeaf = isDeaf;
    this.#onHearing?.({ isDeaf, error });
  }

  /** Resolves with the error, if there is one. */
  async #connect(): Promise<unknown> {
    const client = (this.#client = this.#open());
    const lost = (): void => {
      if (this.#client !== client) return;
      this.#client = undefined;
      this.#isListening = false;
      client.end().catch(() => undefined);
      if (this.#closed) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        this.report(); // of what nobody has told meanwhile
        void this.#connect().then((failure) => {
          if (failure !== undefined) this.#tell(true, failure);
          this.report();
        });
      }, RETRY_MS).unref();
    };
    client.on("error", lost);
    client.on("end", lost);
    client.on("notification", ({ payload = "" }) => this.#receive(payload));
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      this.#isListening = true;
      this.#beat(lost, 0);
      return undefined;
    } catch (error) {
      lost();
      return error;
    }
  }

  /**
   * Sends itself a notification. A listener whose connection is dead, or that a pooler has separated from it, hears nothing
   * and gets no error either.
   */
  #beat(lost: () => void, afterMs = HEARTBEAT_MS): void {
    this.#timer = setTimeout(() => {
      this.#isListening = false;
      this.#sentAt = performance.now();
      void this.#send(JSON.stringify([this.#sender])).catch(() => undefined);
      this.#timer = setTimeout(() => {
        if (this.#isListening) return this.#beat(lost);
        this.#tell(true);
        lost();
      }, ECHO_MS).unref();
    }, afterMs).unref();
  }

  #receive(payload: string): void {
    const [sender, ...subjects] = parsed(payload);
    this.#isListening = true;
    this.#tell(false);
    if (sender === this.#sender) {
      if (subjects.length === 0 && this.#sentAt !== undefined) {
        this.#lagMs = performance.now() - this.#sentAt;
        this.#sentAt = undefined;
      }
      return;
    }
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
