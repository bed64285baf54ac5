// The sessions with calls that run in this process. A session's row tells every process on the data folder, so that no
// cleanup deletes a session during a call of any length. A short call makes no row: the session's last activity covers
// it.
import { Bag } from "../lib/collections/bag.ts";
import type { SessionStore } from "./store.ts";

/** Interval of looks, in ms; shorter when sessions have a short lifetime. */
const LOOK_MS = 5_000;

/** Returns the id of a call's session, once there is one. */
type Where = () => string | undefined;

export class RunningCalls {
  readonly #instanceId: string;
  readonly #store: Pick<SessionStore, "changeRunning">;
  /** Called at the end of a long call, which counts as activity of its session. */
  readonly #onEnd: (sessionId: string) => void;
  readonly #calls = new Bag<Where>();
  /** Sessions with a row. */
  #noted: ReadonlySet<string> = new Set();
  readonly #timer: NodeJS.Timeout;

  constructor(
    instanceId: string,
    shortestAgeMs: number,
    store: Pick<SessionStore, "changeRunning">,
    { onEnd, onError }: { onEnd(sessionId: string): void; onError(error: unknown): void },
  ) {
    this.#instanceId = instanceId;
    this.#store = store;
    this.#onEnd = onEnd;
    this.#timer = setInterval(
      () => void this.look().catch(onError),
      Math.min(LOOK_MS, shortestAgeMs / 4),
    ).unref();
  }

  /** Counts a call until the returned function is called. */
  enter(where: Where): () => void {
    const place = this.#calls.add(where);
    return () => {
      this.#calls.remove(place);
      const id = where();
      if (id !== undefined && this.#noted.has(id)) this.#onEnd(id);
    };
  }

  /** Writes the rows of all running calls again, because they are lost if this process was taken for dead. */
  async look(): Promise<void> {
    const running = new Set(this.#calls.values.flatMap((where) => where() ?? []));
    const removed = [...this.#noted].filter((id) => !running.has(id));
    if (running.size + removed.length === 0) return;
    const before = this.#noted;
    this.#noted = running;
    try {
      await this.#store.changeRunning(this.#instanceId, { added: [...running], removed });
    } catch (error) {
      this.#noted = new Set([...before, ...running]);
      throw error;
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
