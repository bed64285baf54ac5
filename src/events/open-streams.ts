import { ShortLivedMap } from "../lib/collections/short-lived.ts";
// One client's streams in memory, while they have a connection or a running request. There is one object per stream,
// so that writers reach the connected reader.
import type { Changed } from "../updates/changes.ts";
import { DurableStream, type StreamStart } from "./durable-stream.ts";
import type { StreamStore } from "./store.ts";

interface Entry {
  stream: DurableStream;
  uses: number;
}

export interface StreamUse {
  stream: DurableStream;
  /** Ends the use; call it once. */
  release(): void;
}

export class OpenStreams {
  readonly #clientId: string;
  readonly #log: StreamStore;
  readonly #entries = new ShortLivedMap<string, Entry>();

  constructor(clientId: string, log: StreamStore) {
    this.#clientId = clientId;
    this.#log = log;
  }

  use(record: StreamStart): StreamUse {
    const entry = this.#entries.get(record.id) ?? {
      stream: new DurableStream(this.#log, record),
      uses: 0,
    };
    entry.uses += 1;
    this.#entries.set(record.id, entry);
    const release = (): void => {
      entry.uses -= 1;
      if (entry.uses === 0) this.#entries.delete(record.id);
    };
    return { stream: entry.stream, release };
  }

  /** True while a client is connected to this stream, or if it has just received everything. */
  isHeard(id: string): boolean {
    return this.#entries.get(id)?.stream.isHeard === true;
  }

  get ids(): string[] {
    return [...this.#entries.keys()];
  }

  /** Takes over events that another process or recovery has stored in these streams. */
  async refresh(changed: Changed): Promise<void> {
    for (const [id, { stream }] of this.#entries) {
      if (!changed.includes("stream", id)) continue;
      const record = await this.#log.find(this.#clientId, id);
      if (record !== undefined) stream.catchUp(record);
    }
  }

  detachAll(): void {
    for (const { stream } of this.#entries.values()) stream.detach();
  }
}
