// A transaction on a connection, and Drizzle over whatever connection is the current one.
import type { Socket } from "node:net";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import pg from "pg";
import type { Subject } from "../../../updates/changes.ts";
import { isAfterFailure } from "./errors.ts";
import { sendGroup, Together } from "./together.ts";

/** The part of a connection that statements need. */
export interface Connection {
  query(statement: string | pg.QueryConfig): Promise<pg.QueryResult>;
}

export class Transaction implements Connection {
  state: "open" | "committed" | "given up" = "open";
  readonly changed: Subject[] = [];
  /** The number of operations at work in it, which it cannot keep apart. */
  readonly operations: number;
  /** The error of the last statement that failed. Those behind it fail too, and may be heard first. */
  failure: unknown;
  readonly #client: pg.ClientBase;
  readonly #waiting = new Together();

  constructor(client: pg.ClientBase, operations = 1) {
    this.#client = client;
    this.operations = operations;
  }

  query(statement: string | pg.QueryConfig): Promise<pg.QueryResult> {
    // A part of the operation that went on beside the one that failed must not write outside of the transaction.
    if (this.state === "given up") return Promise.reject(givenUp());
    sendTogether(this.#client);
    const result = this.#client.query(statement);
    result.catch((error: unknown) => {
      if (!isAfterFailure(error)) this.failure = error;
    });
    return result;
  }

  /** The connection of one of several operations: what they say in one turn of the event loop goes together. */
  part(): Connection {
    const operation: Connection = {
      query: (statement) => {
        if (this.#waiting.isEmpty)
          process.nextTick(() => {
            for (const group of this.#waiting.take())
              void sendGroup(group, (one) => this.query(one));
          });
        return this.#waiting.add(statement, operation);
      },
    };
    return operation;
  }
}

const held = new WeakSet<Socket>();

/**
 * Sends the statements of one turn of the event loop in one packet, at its end; to be called before each. The driver would write
 * each by itself, and every write wakes the database.
 */
export function sendTogether(client: pg.ClientBase): void {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  if (held.has(stream)) return;
  held.add(stream);
  stream.cork();
  setImmediate(() => {
    held.delete(stream);
    stream.uncork();
  });
}

export const givenUp = (): Error => new Error("The transaction was given up.");

type Parsers = (oid: number, format?: string) => (value: string) => unknown;

const INT8: number = pg.types.builtins.INT8;
const usual = pg.types.getTypeParser as Parsers;
/** `bigint` comes as a number: no count here is beyond 2 ** 53. */
const parserOf: Parsers = (oid, format) => (oid === INT8 ? Number : usual(oid, format));
const TYPES = { getTypeParser: parserOf } as pg.CustomTypesConfig;

/** Drizzle over the connection that `current` returns at each query. */
export function databaseOf(current: () => Connection): NodePgDatabase {
  const client = {
    query: (config: pg.QueryConfig, values: unknown[]) =>
      current().query({ ...config, values, types: TYPES }),
  };
  return drizzle({ client: client as unknown as pg.Pool });
}
