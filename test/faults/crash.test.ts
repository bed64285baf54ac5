// Killed at random moments under concurrent writers, the server loses nothing that it acknowledged and doubles nothing.
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { connect, type TestClient, type ToolAnswer } from "../support/clients.ts";
import { findDamage, openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { type ServerProcess, startServer } from "../support/process.ts";
import { runs } from "../support/runs.ts";

const ROUNDS = runs(12);
/** Two writers share a conversation by its name; two have one each. */
const ADDRESSES = ["?name=shared", "?name=shared", "", ""];

/** Numbers from 0 to below `n` that depend on the seed alone (mulberry32). */
function randomNumbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n) | 0;
  };
}

/** A server that is killed and started again on its port and folder; writers wait while it is down. */
class MortalServer {
  interrupted = 0;
  #process: ServerProcess;
  #deaths = 0;
  #up: Promise<void> = Promise.resolve();
  #acknowledged = 0;
  #watched: { count: number; reached: () => void } | undefined;
  readonly #folder: string;

  private constructor(folder: string, process: ServerProcess) {
    this.#folder = folder;
    this.#process = process;
  }

  static async start(folder: string): Promise<MortalServer> {
    return new MortalServer(folder, await startServer({ folder }));
  }

  get url(): string {
    return this.#process.url;
  }

  /** Undefined when the server died under the call. Any other failure is one of the server's. */
  async call(client: TestClient, tool: string, args: object): Promise<ToolAnswer | undefined> {
    await this.#up;
    const deaths = this.#deaths;
    try {
      const answer = await client.call(tool, { ...args });
      if (answer.isError) throw new Error(`${tool} was refused: ${answer.text}`);
      this.#acknowledged += 1;
      if (this.#acknowledged === this.#watched?.count) this.#watched.reached();
      return answer;
    } catch (error) {
      if (this.#deaths === deaths) throw error;
      this.interrupted += 1;
      return undefined;
    }
  }

  /** Resolves when `count` more calls have been acknowledged. */
  acknowledged(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#watched = { count: this.#acknowledged + count, reached: resolve };
    return promise;
  }

  async dieAndReturn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#up = promise;
    this.#deaths += 1;
    await this.#process.kill();
    this.#process = await startServer({ folder: this.#folder, port: this.#process.port });
    resolve();
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }
}

/** Where an acknowledged message must be. */
interface Place {
  session: string;
  seq: number;
}

/** One client that writes until it is told to stop, and knows what it was promised. */
class Writer {
  /** What was acknowledged, by content; all contents are different. */
  readonly promised = new Map<string, Place>();
  /** Sent, but the server died before it answered: may be there once. */
  readonly unknown = new Set<string>();
  /** The last promised state, and the values that were sent after it without an answer. */
  state: { session: string; version: number; value: number } | undefined;
  unknownValues: number[] = [];
  readonly name: string;
  readonly #client: TestClient;
  readonly #server: MortalServer;
  #count = 0;

  constructor(name: string, client: TestClient, server: MortalServer) {
    this.name = name;
    this.#client = client;
    this.#server = server;
  }

  async write(random: (n: number) => number, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      this.#count += 1;
      const kind = random(3);
      if (kind === 0) await this.#setState();
      else await this.#append(`${this.name} says ${this.#count}`, kind === 1);
    }
  }

  async #setState(): Promise<void> {
    const value = this.#count;
    this.unknownValues.push(value);
    const answer = await this.#server.call(this.#client, "state_set", { key: this.name, value });
    if (answer === undefined) return;
    const { session, version } = answer.data as { session: string; version: number };
    this.state = { session, version, value };
    this.unknownValues = [];
  }

  /** With a key it is sent until it is acknowledged; without one it is sent once. */
  async #append(content: string, keyed: boolean): Promise<void> {
    const message = { role: "user", content, ...(keyed && { request_key: content }) };
    let answer: ToolAnswer | undefined;
    do answer = await this.#server.call(this.#client, "history_append", message);
    while (answer === undefined && keyed);
    if (answer === undefined) this.unknown.add(content);
    else this.promised.set(content, answer.data as unknown as Place);
  }
}

function verify(folder: string, writers: readonly Writer[]): void {
  const database = openDatabase(folder, { readonly: false });
  const rows = database
    .prepare<[], Place & { content: string }>(
      "SELECT session_id AS session, seq, content FROM messages ORDER BY session_id, seq",
    )
    .all();
  const stored = new Map(rows.map(({ content, session, seq }) => [content, { session, seq }]));
  expect(rows.length, "nothing is there twice").toBe(stored.size);
  const known = new Set<string>();
  for (const { name, promised, unknown, state, unknownValues } of writers) {
    expect(promised.size).toBeGreaterThan(0);
    expect(state).toBeDefined();
    for (const [content, { session, seq }] of promised)
      expect(stored.get(content), content).toEqual({ session, seq });
    for (const content of [...promised.keys(), ...unknown]) known.add(content);
    const found = database
      .prepare("SELECT value, version FROM session_state WHERE session_id = ? AND key = ?")
      .get(state?.session, name) as { value: string; version: number };
    expect([state?.value, ...unknownValues]).toContain(Number(found.value));
    expect(found.version).toBeGreaterThanOrEqual(state!.version);
    expect(found.version).toBeLessThanOrEqual(state!.version + unknownValues.length);
  }
  for (const content of stored.keys()) expect(known.has(content), content).toBe(true);
  const gaps = "SELECT session_id FROM messages GROUP BY session_id HAVING max(seq) <> count(*)";
  expect(database.prepare(gaps).all()).toEqual([]);
  // The clients that were there at the beginning went on; none had to introduce itself again.
  const count = (table: string) => database.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
  expect([count("clients"), count("sessions")]).toEqual([4, 3]);
  expect(findDamage(database)).toEqual([]);
}

it(`keeps every acknowledged write, once, through ${ROUNDS} kills at random moments`, async () => {
  const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
  const random = randomNumbers(seed);
  try {
    const folder = temporaryFolder();
    const server = await MortalServer.start(folder);
    const writers = await Promise.all(
      ADDRESSES.map(async (address, n) => {
        const client = await connect("v2", { url: server.url + address });
        return new Writer(`writer ${n}`, client, server);
      }),
    );
    let over = false;
    const writing = Promise.all(
      writers.map((writer, n) => writer.write(randomNumbers(seed + n + 1), () => over)),
    );
    const killing = async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        await server.acknowledged(1 + random(60));
        // Anywhere between this answer and the next ones.
        for (let turns = random(30); turns > 0; turns -= 1) await nextTurn();
        await server.dieAndReturn();
      }
      await server.acknowledged(20);
    };
    await Promise.race([killing(), writing]);
    over = true;
    await writing;
    await server.kill();
    expect(server.interrupted).toBeGreaterThanOrEqual(ROUNDS);
    verify(folder, writers);
  } catch (error) {
    throw new Error(`With SEED=${seed}: ${String(error)}`, { cause: error });
  }
});
