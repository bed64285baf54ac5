// The clients in memory: all busy ones, and a bounded number of idle ones. The least recently used idle client goes
// first.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import type { RelayStore } from "../../clients/relay.ts";
import { ShortLivedMap } from "../../lib/collections/short-lived.ts";
import { toJson } from "../../lib/json/json.ts";
import { once } from "../../lib/once.ts";
import { listChangedNotice } from "../../protocol/json-rpc.ts";
import type { Client } from "../../sessions/session.ts";
import type { ClientStore } from "../../sessions/store.ts";
import type { Changed } from "../../updates/changes.ts";
import type { ConnectionHolder, List } from "../../updates/delivery.ts";
import { mayRunAgain } from "../calls/interruption.ts";
import { LiveClient, type LiveClientOptions } from "./live-client.ts";

/** Maximum size of all idle clients' `initialize` requests; in memory they take several times as much. */
const MAX_IDLE_BYTES = 8_000_000;

/** A relayed message of our own: the client has ended. */
const ENDED = toJson({ jsonrpc: "2.0", method: "holdfast/ended" });

/** A client in use, or one that is being rehydrated for its first use. */
interface Entry {
  live: Promise<LiveClient>;
  /** The client, once `live` has resolved. */
  present?: LiveClient;
  uses: number;
}

/** A client in use; call `release` once, at the end of the call or stream. */
export interface Lease {
  live: LiveClient;
  release(): void;
}

export class LiveClients implements ConnectionHolder {
  readonly #parts: LiveClientOptions;
  readonly #clients: ClientStore;
  readonly #relay: RelayStore;
  /** Idle clients, least recently used first. */
  readonly #idle = new ShortLivedMap<string, LiveClient>();
  #idleBytes = 0;
  readonly #maxIdle: number;
  readonly #used = new ShortLivedMap<string, Entry>();

  constructor(
    parts: LiveClientOptions,
    { clients, relay }: { clients: ClientStore; relay: RelayStore },
    maxIdle: number,
  ) {
    this.#parts = parts;
    this.#clients = clients;
    this.#relay = relay;
    this.#maxIdle = maxIdle;
  }

  /** The client in memory. A missing one is rehydrated from its row, once for all concurrent callers. */
  use(client: Client): Lease | Promise<Lease> {
    const { id } = client;
    const entry = this.#used.get(id) ?? this.#begin(client);
    entry.uses += 1;
    const { present } = entry;
    return present ? this.#lease(present, entry) : this.#arriving(id, entry);
  }

  async #arriving(id: string, entry: Entry): Promise<Lease> {
    try {
      return this.#lease(await entry.live, entry);
    } catch (error) {
      this.#end(id, entry);
      throw error;
    }
  }

  #lease(live: LiveClient, entry: Entry): Lease {
    return { live, release: once(() => this.#end(live.sessionId, entry)) };
  }

  /** Adds a client after its `initialize`. */
  add(live: LiveClient): void {
    this.#rest(live);
  }

  /** Interrupts the calls of a client that has ended. */
  async end(id: string): Promise<void> {
    const live = await this.#used.get(id)?.live.catch(() => undefined);
    await live?.interrupt(() => true);
    await this.remove(id);
  }

  /** Closes the client, busy or not. */
  async remove(id: string): Promise<void> {
    const entry = this.#used.get(id);
    const live = entry ? await entry.live.catch(() => undefined) : this.#take(id);
    this.#used.delete(id);
    this.#take(id);
    await live?.close();
  }

  /** Number of clients in memory, busy or idle. */
  get size(): number {
    return this.#used.size + this.#idle.size;
  }

  /** Ids of the streams in use here. */
  get streamIds(): string[] {
    return this.#present.flatMap((live) => live.streams.ids);
  }

  get connectedIds(): string[] {
    return this.#present
      .filter(({ standalone }) => standalone.connected)
      .map(({ sessionId }) => sessionId);
  }

  async refresh(changed: Changed): Promise<void> {
    await Promise.all(this.#present.map((live) => live.streams.refresh(changed)));
    const ids = [...this.#used.keys()].filter((id) => changed.includes("client", id));
    if (ids.length === 0) return;
    for (const message of await this.#relay.list(ids)) {
      if (message.data === ENDED) await this.end(message.clientId);
      else this.#used.get(message.clientId)?.present?.receive(message);
    }
  }

  /** Passes messages on to the other processes of this client. */
  async relay(clientId: string, messages: readonly JSONRPCMessage[]): Promise<void> {
    if (messages.length > 0) await this.#relay.post(clientId, messages.map(toJson));
  }

  /** Interrupts the calls of a client that ends, in every process. */
  async endEverywhere(id: string): Promise<void> {
    await this.end(id);
    await this.#relay.post(id, [ENDED]);
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

  /** Answers the running calls as interrupted, and closes all clients. */
  async closeAll(): Promise<void> {
    const { registry } = this.#parts;
    const errors = this.#present.map((live) =>
      live.interrupt((request) => !mayRunAgain(request, registry)),
    );
    await Promise.allSettled(errors); // the next start ends a call whose answer cannot be stored
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

  /** Takes a client out of the idle ones. */
  #take(id: string): LiveClient | undefined {
    const live = this.#idle.get(id);
    if (live === undefined) return undefined;
    this.#idle.delete(id);
    this.#idleBytes -= live.bytes;
    return live;
  }

  /** Adds an idle client, and closes the one that was idle longest if there are too many. */
  #rest(live: LiveClient): void {
    this.#idle.set(live.sessionId, live);
    this.#idleBytes += live.bytes;
    while (this.#idle.size > this.#maxIdle || this.#idleBytes > MAX_IDLE_BYTES) {
      const [longest] = this.#idle.keys();
      void this.#take(longest!)!.close();
    }
  }
}
