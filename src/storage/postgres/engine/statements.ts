// Statements over Drizzle: prepared once, named, and run by whatever connection the caller's transaction has.
import { createHash } from "node:crypto";
import type { Placeholder } from "drizzle-orm";
import { allowTogether, type ValueTypes } from "./together.ts";

/** A query of Drizzle's builders. */
interface Query {
  toSQL(): { sql: string; params: unknown[] };
  prepare(name: string): { execute(values?: Record<string, unknown>): Promise<unknown> };
}

type RowOf<Q> = Q extends { prepare(name: string): { execute(values?: never): Promise<infer R> } }
  ? R extends readonly (infer Row)[]
    ? Row
    : never
  : never;

/**
 * A small statement of which those of several callers go together, as `allowTogether` describes. `types`: those of its
 * placeholders.
 */
export const together = <Q extends () => Query>(types: ValueTypes, build: Q): Q =>
  Object.assign(build, { types });

export type Values = Record<string, unknown>;

export interface Statement<Row> {
  all(values?: Values): Promise<Row[]>;
  get(values?: Values): Promise<Row | undefined>;
  /** For a statement without rows. */
  run(values?: Values): Promise<{ changes: number }>;
}

/** The statements that these functions build, each once, when it is first used. */
export function prepared<T extends Record<string, () => Query>>(
  builders: T,
): { readonly [K in keyof T]: Statement<RowOf<ReturnType<T[K]>>> } {
  const statements = Object.entries(builders).map(([name, build]) => [name, new Prepared(build)]);
  return Object.fromEntries(statements) as never;
}

class Prepared<Row> implements Statement<Row> {
  readonly #build: (() => Query) & { types?: ValueTypes };
  #query: ReturnType<Query["prepare"]> | undefined;

  constructor(build: () => Query) {
    this.#build = build;
  }

  async all(values: Values = {}): Promise<Row[]> {
    return (await this.#execute(values)) as Row[];
  }

  async get(values: Values = {}): Promise<Row | undefined> {
    return (await this.all(values))[0];
  }

  async run(values: Values = {}): Promise<{ changes: number }> {
    const result = (await this.#execute(values)) as { rowCount?: number | null } | unknown[];
    return { changes: Array.isArray(result) ? result.length : (result.rowCount ?? 0) };
  }

  #execute(values: Values): Promise<unknown> {
    if (this.#query === undefined) {
      const query = this.#build();
      const { sql: text, params } = query.toSQL();
      const name = nameOf(text);
      this.#query = query.prepare(name);
      if (this.#build.types)
        allowTogether({ name, text }, params.map(nameOfPlaceholder), this.#build.types);
    }
    return this.#query.execute(values);
  }
}

/** A connection keeps a named statement, so equal texts share a name. PostgreSQL cuts names off at 63 bytes. */
const nameOf = (text: string): string =>
  `holdfast_${createHash("sha256").update(text).digest("hex").slice(0, 32)}`;

const nameOfPlaceholder = (value: unknown): string => (value as Placeholder).name;
