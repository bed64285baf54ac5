// Finds connections that died without a sign: where packets are dropped, a query waits for its answer for many minutes. Not by a
// limit on the time of statements: the deletion of a large session may take as long as it takes.
import type pg from "pg";

/** Between two looks. A connection that was silent at two of them is asked after. */
const LOOK_MS = 5_000;

/** A client with the parts that the driver does not declare. */
type Client = pg.PoolClient & {
  processID: number;
  connection: { stream: { bytesRead: number; destroy(): void } };
};

/** State of each backend of this user: `active` while it works. */
const BACKENDS = `SELECT pid, state, pg_backend_pid() AS own FROM pg_stat_activity WHERE usename = current_user`;

export class SilenceWatch {
  readonly #probe: () => pg.Client;
  readonly #clients = new Set<Client>();
  /** Connections in use: the bytes that had come at the last look, and the number of looks since. */
  readonly #busy = new Map<Client, { bytes: number; looks: number }>();
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  /** `probe` makes a client that gives up soon. */
  constructor(pool: pg.Pool, probe: () => pg.Client, lookMs = LOOK_MS) {
    this.#probe = probe;
    pool.on("acquire", (client) => {
      this.#clients.add(client as Client);
      this.#busy.set(client as Client, { bytes: -1, looks: 0 });
    });
    pool.on("release", (_, client) => this.#busy.delete(client as Client));
    pool.on("remove", (client) => {
      this.#clients.delete(client as Client);
      this.#busy.delete(client as Client);
    });
    this.#timer = setInterval(() => void this.#look(), lookMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const silent: Client[] = [];
    for (const [client, seen] of this.#busy) {
      const bytes = client.connection.stream.bytesRead;
      seen.looks = bytes === seen.bytes ? seen.looks + 1 : 0;
      seen.bytes = bytes;
      if (seen.looks >= 2) silent.push(client);
    }
    if (silent.length === 0 || this.#looking) return;
    this.#looking = true;
    const backends = await this.#backends();
    this.#looking = false;
    // The queries of a destroyed connection fail at once, and the next ones get another connection.
    if (backends === "unreachable")
      for (const { connection } of this.#clients) connection.stream.destroy();
    else if (backends !== "hidden")
      for (const client of silent)
        if (
          (this.#busy.get(client)?.looks ?? 0) >= 2 &&
          backends.get(client.processID) !== "active"
        )
          client.connection.stream.destroy();
  }

  async #backends(): Promise<Map<number, string | null> | "unreachable" | "hidden"> {
    const client = this.#probe();
    client.on("error", () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ pid: number; state: string | null; own: number }>(
        BACKENDS,
      );
      const isDirect = rows[0]?.own === (client as unknown as Client).processID;
      return isDirect ? new Map(rows.map(({ pid, state }) => [pid, state])) : "hidden";
    } catch {
      return "unreachable";
    } finally {
      client.end().catch(() => undefined);
    }
  }
}
