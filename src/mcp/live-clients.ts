// The clients that are in memory: all busy ones, and a bounded number of idle ones, least recently used first to go.
import { LRUCache } from "lru-cache";
import type { Client } from "../sessions/session.ts";
import type { Presence } from "../sessions/presence.ts";
import type { ClientStore } from "../sessions/store.ts";
import type { Connections } from "../streams/delivery.ts";
import { LiveClient, type LiveParts } from "./live-client.ts";

interface Busy {
  live: LiveClient;
  uses: number;
}

/** A client in use; `release` it once, when the call or stream has ended. */
export interface Lease {
  live: LiveClient;
  release(): void;
}

export class LiveClients implements Connections {
  readonly #parts: LiveParts;
  readonly #clients: ClientStore;
  readonly #presence: Presence;
  readonly #idle: LRUCache<string, LiveClient>;
  readonly #busy = new Map<string, Busy>();
  /** Rehydrations under way: concurrent first requests share one. */
  readonly #starting = new Map<string, Promise<LiveClient>>();

  constructor(parts: LiveParts, clients: ClientStore, presence: Presence, maxIdle: number) {
    this.#parts = parts;
    this.#clients = clients;
    this.#presence = presence;
    this.#idle = new LRUCache({
      max: maxIdle,
      dispose: (live, _id, reason) => {
        if (reason === "evict") void live.close();
      },
    });
  }

  /** The client in memory, rehydrated from its row if it is not there. */
  async use(client: Client): Promise<Lease> {
    const { id } = client;
    const present = this.#busy.get(id)?.live ?? this.#idle.get(id);
    return this.#lease(present ?? (await this.#rehydrated(client)));
  }

  /** Takes in a client that has just introduced itself. */
  add(live: LiveClient): void {
    this.#idle.set(live.sessionId, live);
  }

  /** Closes the client, whatever it is doing. */
  async remove(id: string): Promise<void> {
    const live = this.#busy.get(id)?.live ?? this.#idle.get(id);
    this.#busy.delete(id);
    this.#idle.delete(id);
    await live?.close();
  }

  /** Ids of the streams that somebody uses here. */
  get streamIds(): number[] {
    return [...this.#busy.values()].flatMap(({ live }) => live.streamIds);
  }

  get connectedIds(): string[] {
    return [...this.#busy]
      .filter(([, { live }]) => live.standalone.connectedIds.length > 0)
      .map(([id]) => id);
  }

  async deliverWaiting(clientId: string): Promise<void> {
    await this.#busy.get(clientId)?.live.standalone.deliverWaiting();
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#busy.keys(), ...this.#idle.keys()].map((id) => this.remove(id)));
  }

  async #rehydrated(client: Client): Promise<LiveClient> {
    const { id } = client;
    let starting = this.#starting.get(id);
    if (starting === undefined) {
      starting = this.#clients
        .nextEpoch(id)
        .then((epoch) => LiveClient.rehydrate(client, epoch, this.#parts))
        .finally(() => this.#starting.delete(id));
      this.#starting.set(id, starting);
    }
    return starting;
  }

  #lease(live: LiveClient): Lease {
    const id = live.sessionId;
    const busy = this.#busy.get(id) ?? { live, uses: 0 };
    busy.uses += 1;
    this.#busy.set(id, busy);
    this.#idle.delete(id);
    const leave = this.#presence.enter(id);
    let released = false;
    return {
      live,
      release: () => {
        if (released) return;
        released = true;
        leave();
        busy.uses -= 1;
        if (busy.uses > 0 || this.#busy.get(id) !== busy) return;
        this.#busy.delete(id);
        this.#idle.set(id, live);
      },
    };
  }
}
