// Closes a stream, which may live for hours, when the credentials that opened it are no longer valid. Its further
// events are stored; a client with valid credentials resumes it.
import type { AuthInfo } from "../../auth/principal.ts";
import type { SseStream } from "../../events/sse-stream.ts";
import { ShortLivedMap, ShortLivedSet } from "../../lib/collections/short-lived.ts";

const CHECK_MS = 1_000;

interface Watched {
  admission: AuthInfo;
  streams: ShortLivedSet<SseStream>;
}

export class StreamCredentials {
  /** Streams by their credentials: one check covers all streams of a program. */
  readonly #watched = new ShortLivedMap<string, Watched>();
  readonly #onError: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  watch(stream: SseStream, admission: AuthInfo): void {
    if (this.#closed) return;
    const { credentials } = admission;
    const watched = this.#watched.get(credentials) ?? { admission, streams: new ShortLivedSet() };
    this.#watched.set(credentials, watched);
    watched.streams.add(stream);
    void stream.written.then(() => watched.streams.delete(stream));
    this.#timer ??= setInterval(() => void this.#check(), CHECK_MS).unref();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  async #check(): Promise<void> {
    for (const [credentials, { admission, streams }] of this.#watched) {
      if (this.#closed) return;
      const holds = await admission.holds().catch((error: unknown) => {
        this.#onError(error);
        return true; // unknown for now: the next check decides
      });
      for (const stream of streams) {
        if (!holds) stream.close();
      }
      if (streams.size === 0) this.#watched.delete(credentials);
    }
  }
}
