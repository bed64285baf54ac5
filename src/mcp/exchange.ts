// One POST: the requests it brought and the HTTP answer that their responses become, as JSON or as a stream.
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/server";
import { SSE_HEADERS, SseStream } from "../streams/sse-stream.ts";
import { RPC, rpcError } from "./rpc.ts";

export interface ExchangeOptions {
  ids: readonly RequestId[];
  /** Answer as a stream at once, because a call may wait. */
  stream: boolean;
  /** The requests came as an array, so the JSON answer is one too. */
  batch: boolean;
  headers?: Record<string, string>;
}

export class Exchange {
  readonly response: Promise<Response>;
  /** Resolves when every request has ended. */
  readonly done: Promise<void>;
  readonly #pending: Set<RequestId>;
  readonly #options: ExchangeOptions;
  readonly #answers: JSONRPCMessage[] = [];
  readonly #respond: (response: Response) => void;
  readonly #finish: () => void;
  #stream: SseStream | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#pending = new Set(options.ids);
    const response = Promise.withResolvers<Response>();
    const done = Promise.withResolvers<void>();
    this.response = response.promise;
    this.#respond = response.resolve;
    this.done = done.promise;
    this.#finish = done.resolve;
    if (options.stream) this.#openStream();
    this.#endIfDone(); // at once where only notifications and answers came
  }

  /** The answer to one of the requests. */
  answer(id: RequestId, message: JSONRPCMessage): void {
    if (!this.#pending.delete(id)) return;
    if (this.#stream) this.#stream.send(message);
    else this.#answers.push(message);
    this.#endIfDone();
  }

  /** A message that belongs to a request but does not answer it: from here on the answer is a stream. */
  tell(message: JSONRPCMessage): void {
    (this.#stream ?? this.#openStream()).send(message);
  }

  /** Ends a request that will have no answer, because it was cancelled. */
  retire(id: RequestId): void {
    if (this.#pending.delete(id)) this.#endIfDone();
  }

  /** Ends everything: the server is stopping. */
  abort(): void {
    this.#pending.clear();
    this.#respond(
      rpcError(503, RPC.server, "The server is stopping. Try again.", {
        headers: { "retry-after": "1" },
      }),
    );
    this.#end();
  }

  #openStream(): SseStream {
    this.#stream = new SseStream();
    for (const message of this.#answers.splice(0)) this.#stream.send(message);
    this.#respond(
      new Response(this.#stream.body, { headers: { ...SSE_HEADERS, ...this.#options.headers } }),
    );
    return this.#stream;
  }

  #endIfDone(): void {
    if (this.#pending.size > 0) return;
    const [first] = this.#answers;
    if (first === undefined) this.#respond(new Response(null, { status: 202 }));
    else this.#respond(this.#json(this.#options.batch ? this.#answers : first));
    this.#end();
  }

  #json(body: object): Response {
    return new Response(JSON.stringify(body), {
      headers: { "content-type": "application/json", ...this.#options.headers },
    });
  }

  #end(): void {
    this.#stream?.close();
    this.#finish();
  }
}
