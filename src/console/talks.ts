// The questions that pages of the console have asked a model and that are being answered in this process. A page does
// not wait for an answer: it arrives in the transcript, and whoever reads there sees it grow.
import type { Ask } from "../chat/ask.ts";
import { Listeners } from "../lib/listeners.ts";
import type { SessionHandle } from "../tools/session/session-handle.ts";

/** An answer that is there by then comes with the page. */
const AT_ONCE_MS = 400;

interface Talk {
  abort: AbortController;
  /** The answer so far. */
  text: string;
}

export class Talks {
  readonly #running = new Map<string, Talk>();
  readonly #listeners = new Listeners();

  /** Calls `listener` when an answer grows. */
  get watch(): Listeners["watch"] {
    return this.#listeners.watch;
  }

  /**
   * Ask the model. Resolves when the question is stored, and a quick model's answer too.
   * @throws the errors of `SessionHandle.ask` that come at once; later ones mark the question
   */
  async ask(handle: SessionHandle, ask: Pick<Ask, "prompt" | "again">): Promise<void> {
    const talk: Talk = { abort: new AbortController(), text: "" };
    const { signal } = talk.abort;
    this.#running.set(handle.id, talk);
    const onText = (text: string): void => {
      talk.text = text;
      this.#listeners.tell();
    };
    const asking = handle.ask({ ...ask, signal, onText }).finally(() => {
      if (this.#running.get(handle.id) === talk) this.#running.delete(handle.id);
    });
    const { promise: shown, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, AT_ONCE_MS);
    try {
      await Promise.race([asking, shown]);
    } finally {
      clearTimeout(timer);
    }
    asking.catch(() => undefined); // the transcript says that the question was not answered
  }

  /** The text of the answer that is being written, so far. */
  partial(session: string): string {
    return this.#running.get(session)?.text ?? "";
  }

  /** Stop the answer; the question stays, and can be asked again. */
  stop(session: string): void {
    this.#running.get(session)?.abort.abort();
  }
}
