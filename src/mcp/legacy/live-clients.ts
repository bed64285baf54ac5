// The clients that are in memory: all busy ones, and a bounded number of idle ones, least recently used first to go.
import { once } from "../../lib/once.ts";
import type { Client } from "../../sessions/session.ts";
import type { ClientStore } from "../../sessions/store.ts";
import type { ConnectionHolder, List } from "../../updates/delivery.ts";
import { mayRunAgain } from "../calls/interruption.ts";
import { LiveClient, type LiveClientOptions } from "./live-client.ts";
import { listChangedNotice } from "../../protocol/json-rpc.ts";

/** Of the introductions of idle clients: an object takes several times as much as its text. */
const MAX_IDLE_BYTES = 8_000_000;

/** A client that is used now, or is being rehydrated for its first use. */
interface Entry {
  live: Promise<LiveClient>;
  /** There once `live` has resolved. */
  present?: LiveClient;
  uses: number;
}

/** A client in use; `release` it once, when the call or stream has ended. */
export interface Lease {
  live: LiveClient;
  release(): void;
}

export class LiveClients implements ConnectionHolder {
  readonly #parts: LiveClientOptions;
  readonly #clients: ClientStore;
  /** Least recently used first: each comes and goes with every call. */
  readonly #idle = new Map<string, LiveClient>();
  #idleBytes = 0;
  readonly #maxIdle: number;
  readonly #used = new Map<string, Entry>();

  constructor(parts: LiveClientOptions, clients: ClientStore, maxIdle: number) {
    this.#parts = parts;
    this.#clients = clients;
    this.#maxIdle = maxIdle;
  }

  /** The client in memory, rehydrated from its row if it is not there: once, however many ask at the same time. */
  async use(client: Client): Promise<Lease> {
    const { id } = client;
    const entry = this.#used.get(id) ?? this.#begin(client);
    entry.uses += 1;
    try {
      const live = await entry.live;
      return { live, release: once(() => this.#end(id, entry)) };
    } catch (error) {
      this.#end(id, entry);
      throw error;
    }
  }

  /** Takes in a client that has just introduced itself. */
  add(live: LiveClient): void {
    this.#rest(live);
  }

  /** The client has ended: what it still waits for is interrupted. */
  async end(id: string): Promise<void> {
    const live = await this.#used.get(id)?.live.catch(() => undefined);
    await live?.interrupt(() => true);
    await this.remove(id);
  }

  /** Closes the client, whatever it is doing. */
  async remove(id: string): Promise<void> {
    const entry = this.#used.get(id);
    const live = entry ? await entry.live.catch(() => undefined) : this.#take(id);
    this.#used.delete(id);
    this.#take(id);
    await live?.close();
  }

  /** How many are in memory, busy or idle. */
  get size(): number {
    return this.#used.size + this.#idle.size;
  }

  /** Ids of the streams that somebody uses here. */
  get streamIds(): number[] {
    return this.#present.flatMap((live) => live.streams.ids);
  }

  get connectedIds(): string[] {
    return this.#present
      .filter(({ standalone }) => standalone.connected)
      .map(({ sessionId }) => sessionId);
  }

  async refresh(): Promise<void> {
    await Promise.all(this.#present.map((live) => live.streams.refresh()));
  }

  async deliverWaiting(clientId: string): Promise<void> {
    await this.#used.get(clientId)?.present?.standalone.deliverWaiting();
  }

  async listChanged(list: List): Promise<void> {
    const notice = JSON.stringify(listChangedNotice(list));
    await Promise.all(
      this.#present
        .filter(({ standalone }) => standalone.connected)
        .map(({ standalone }) => standalone.send(notice)),
    );
  }

  /** Tells the callers of what still runs that it was interrupted, and closes everything. */
  async closeAll(): Promise<void> {
    const { registry } = this.#parts;
    const errors = this.#present.map((live) =>
      live.interrupt((request) => !mayRunAgain(request, registry)),
    );
    await Promise.allSettled(errors); // one that cannot be stored is ended by the next start
    await Promise.all([...this.#used.keys(), ...this.#idle.keys()].map((id) => this.remove(id)));
  }

  get #present(): LiveClient[] {
    return [...this.#used.values()].flatMap(({ present }) => present ?? []);
  }

  #begin(client: Client): Entry {
    const { id } = client;
    const idle = this.#take(id);
    const entry: Entry = { live: idle ? Promise.resolve(idle) : this.#rehydrate(client), uses: 0 };
    if (idle) entry.present = idle;
    else void entry.live.then((live) => (entry.present = live)).catch(() => undefined);
    this.#used.set(id, entry);
    return entry;
  }

  async #rehydrate(client: Client): Promise<LiveClient> {
    return LiveClient.rehydrate(client, await this.#clients.nextEpoch(client.id), this.#parts);
  }

  #end(id: string, entry: Entry): void {
    entry.uses -= 1;
    if (entry.uses > 0 || this.#used.get(id) !== entry) return;
    this.#used.delete(id);
    if (entry.present) this.#rest(entry.present);
  }

  /** Takes one out of those that are idle. */
  #take(id: string): LiveClient | undefined {
    const live = this.#idle.get(id);
    if (live === undefined) return undefined;
    this.#idle.delete(id);
    this.#idleBytes -= live.bytes;
    return live;
  }

  /** Keeps one that nobody uses now, in the place of the one that was idle for longest when they are too many. */
  #rest(live: LiveClient): void {
    this.#idle.set(live.sessionId, live);
    this.#idleBytes += live.bytes;
    while (this.#idle.size > this.#maxIdle || this.#idleBytes > MAX_IDLE_BYTES) {
      const [longest] = this.#idle.keys();
      void this.#take(longest!)!.close();
    }
  }
}
