// Sessions in which calls run here. Rows tell every process on the data folder, for no cleanup takes a session in the
// middle of a call, however long that goes on. A call that ends soon is covered by its session's last activity, and
// makes no row.
import type { SessionStore } from "./store.ts";

/** Between looks; shorter where sessions live only briefly. */
const LOOK_MS = 5_000;

/** The id of the session that a call works in, once it has one. */
type Where = () => string | undefined;

export class RunningCalls {
  readonly #instanceId: string;
  readonly #store: Pick<SessionStore, "changeRunning">;
  /** Told when a long call has ended, which was a use of its session. */
  readonly #onEnd: (sessionId: string) => void;
  readonly #calls = new Set<Where>();
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
    this.#calls.add(where);
    return () => {
      this.#calls.delete(where);
      const id = where();
      if (id !== undefined && this.#noted.has(id)) this.#onEnd(id);
    };
  }

  /** Writes the rows of calls that run now, all again: they went if this process was taken for dead. */
  async look(): Promise<void> {
    const running = new Set([...this.#calls].flatMap((where) => where() ?? []));
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
