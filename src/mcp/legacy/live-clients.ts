// The clients in memory: all busy ones, and a bounded number of idle ones. The least recently used idle client goes
// first.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import type { RelayStore } from "../../clients/relay.ts";
import { ShortLivedMap } from "../../lib/collections/short-lived.ts";
import { toJson } from "../../lib/json/json.ts";
import { once } from "../../lib/once.ts";
import { unknownClient } from "../../protocol/errors.ts";
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

interface Entry {
  /** The client, or its rehydration for its first use. */
  live: LiveClient | Promise<LiveClient>;
  uses: number;
  /** Number of the last use of all, for an idle client. */
  usedAt: number;
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
  readonly #entries = new ShortLivedMap<string, Entry>();
  #idle = 0;
  #idleBytes = 0;
  readonly #maxIdle: number;
  #uses = 0;

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
    const entry = this.#entries.get(client.id) ?? this.#begin(client);
    const { live } = entry;
    if (live instanceof Promise) return this.#arriving(client.id, entry, live);
    this.#take(entry, live);
    return this.#lease(live, entry);
  }

  async #arriving(id: string, entry: Entry, live: Promise<LiveClient>): Promise<Lease> {
    entry.uses += 1;
    try {
      return this.#lease(await live, entry);
    } catch (error) {
      if (this.#entries.get(id) === entry) this.#entries.delete(id);
      throw error;
    }
  }

  #lease(live: LiveClient, entry: Entry): Lease {
    return { live, release: once(() => this.#rest(entry, live)) };
  }

  /** Adds a client after its `initialize`. */
  add(live: LiveClient): void {
    const entry = { live, uses: 1, usedAt: 0 };
    this.#entries.set(live.sessionId, entry);
    this.#rest(entry, live);
  }

  /** Interrupts the calls of a client that has ended. */
  async end(id: string): Promise<void> {
    const live = await this.#arrived(id);
    await live?.interrupt(() => true);
    await this.remove(id);
  }

  /** Closes the client, busy or not. */
  async remove(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    const live = await this.#arrived(id);
    if (entry === undefined || this.#entries.get(id) !== entry) return;
    if (live) this.#take(entry, live);
    this.#entries.delete(id);
    await live?.close();
  }

  /** Number of clients in memory, busy or idle. */
  get size(): number {
    return this.#entries.size;
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
    const ids = this.#busy.filter(([id]) => changed.includes("client", id)).map(([id]) => id);
    if (ids.length === 0) return;
    for (const message of await this.#relay.list(ids)) {
      if (message.data === ENDED) await this.end(message.clientId);
      else this.#presentOf(message.clientId)?.receive(message);
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
    await this.#presentOf(clientId)?.standalone.deliverWaiting();
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
    await Promise.all([...this.#entries.keys()].map((id) => this.remove(id)));
  }

  get #busy(): [string, Entry][] {
    return [...this.#entries].filter(([, { uses }]) => uses > 0);
  }

  /** The clients in use, without those that are being rehydrated. */
  get #present(): LiveClient[] {
    return this.#busy.flatMap(([, { live }]) => (live instanceof LiveClient ? live : []));
  }

  #presentOf(id: string): LiveClient | undefined {
    const { live, uses = 0 } = this.#entries.get(id) ?? {};
    return uses > 0 && live instanceof LiveClient ? live : undefined;
  }

  /** The client, once it is rehydrated; undefined if it is not here, or cannot be rehydrated. */
  async #arrived(id: string): Promise<LiveClient | undefined> {
    try {
      return await this.#entries.get(id)?.live;
    } catch {
      return undefined;
    }
  }

  #begin(client: Client): Entry {
    const live = this.#rehydrate(client);
    const entry: Entry = { live, uses: 0, usedAt: 0 };
    void live.then((present) => (entry.live = present)).catch(() => undefined);
    this.#entries.set(client.id, entry);
    return entry;
  }

  async #rehydrate(client: Client): Promise<LiveClient> {
    const epoch = await this.#clients.nextEpoch(client.id);
    if (epoch === undefined) throw unknownClient(); // it has ended since it was found
    return LiveClient.rehydrate(client, epoch, this.#parts);
  }

  #take(entry: Entry, { bytes }: LiveClient): void {
    entry.uses += 1;
    if (entry.uses > 1) return;
    this.#idle -= 1;
    this.#idleBytes -= bytes;
  }

  /** Ends a use. Of too many idle clients, those that were idle longest are closed. */
  #rest(entry: Entry, { sessionId, bytes }: LiveClient): void {
    entry.uses -= 1;
    if (entry.uses > 0 || this.#entries.get(sessionId) !== entry) return;
    entry.usedAt = ++this.#uses;
    this.#idle += 1;
    this.#idleBytes += bytes;
    while (this.#idle > this.#maxIdle || this.#idleBytes > MAX_IDLE_BYTES) this.#closeLongest();
  }

  /** Looks at all of them: an order that is kept would cost each call, and only a client too many pays for this. */
  #closeLongest(): void {
    let longest: [string, Entry] | undefined;
    for (const one of this.#entries) {
      const [, { uses, usedAt }] = one;
      if (uses === 0 && (longest === undefined || usedAt < longest[1].usedAt)) longest = one;
    }
    const [id, entry] = longest!;
    const live = entry.live as LiveClient;
    this.#take(entry, live);
    this.#entries.delete(id);
    void live.close();
  }
}
