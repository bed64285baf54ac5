// The one stand-in of the tests: a model's endpoint that does what a test tells it to, and remembers what it was asked.
import { createServer, type ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import { type Asked, openai, type Wire } from "./model-wires.ts";
import { listenLocally } from "./ports.ts";

/** One request as the model saw it. */
export interface ModelCall extends Asked {
  /** The header with the key, or "". */
  authorization: string;
  /** Resolves when the asking side closes the connection before the answer is complete. */
  aborted: Promise<void>;
  wire: Wire;
}

/** The endpoint's reaction to one request. */
export type Script = (response: ServerResponse, call: ModelCall) => void | Promise<void>;

/** Answers piece by piece, as the pieces come. `usage`: whether it says what that cost, where it has the choice. */
export const streams =
  (pieces: () => AsyncIterable<string>, { usage = true } = {}): Script =>
  async (response, { wire }) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(wire.begin);
    for await (const content of pieces()) response.write(wire.piece(content));
    response.end(wire.end(usage));
  };

/** Answers piece by piece; a promise among the pieces is waited for. */
export const says = (...pieces: (string | Promise<unknown>)[]): Script =>
  streams(() => sequence(pieces));

/** As `says`, but never tells how many tokens that took. */
export const saysUncounted = (...pieces: string[]): Script =>
  streams(() => sequence(pieces), { usage: false });

async function* sequence(pieces: (string | Promise<unknown>)[]): AsyncGenerator<string> {
  for (const piece of pieces) {
    if (typeof piece === "string") yield piece;
    else await piece;
  }
}

/** Refuses. By default the asker's next attempt may come at once. */
export const refuses =
  (
    status: number,
    message: string,
    headers: Record<string, string> = { "retry-after-ms": "1" },
  ): Script =>
  (response, { wire }) => {
    response
      .writeHead(status, { "content-type": "application/json", ...headers })
      .end(JSON.stringify(wire.error(message)));
  };

/** Says a little, then that it cannot go on. */
export const falters =
  (text: string, message: string): Script =>
  (response, { wire }) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(wire.begin + wire.piece(text) + wire.fault(message));
  };

/** Answers 200 with this body as it is. */
export const sends =
  (body: string, contentType = "text/event-stream"): Script =>
  (response) =>
    void response.writeHead(200, { "content-type": contentType }).end(body);

/** Says a little and cuts the connection. */
export const breaksOff =
  (text: string): Script =>
  (response, { wire }) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(wire.begin + wire.piece(text), () => response.destroy());
  };

/** Never answers. */
export const isSilent: Script = () => undefined;

export interface ModelServer {
  readonly url: string;
  /** Every request so far, in order. */
  readonly calls: readonly ModelCall[];
  /** The answer when nothing is queued. Default: "Answer to: " and the last message. */
  reply: (call: ModelCall) => Script;
  /** Queues scripts for the next requests, one each. */
  next(...scripts: Script[]): void;
  /** Resolves to the n-th request (from 1), as soon as it has come. */
  called(n: number): Promise<ModelCall>;
  /** The models that it lists; undefined without a list. */
  models: string[] | undefined;
  /** Arguments that make Holdfast use this endpoint. */
  readonly args: readonly string[];
}

/** Starts the endpoint on a port of the system's choice; it ends with the test. */
export async function startModel(wire: Wire = openai): Promise<ModelServer> {
  const calls: ModelCall[] = [];
  const queue: Script[] = [];
  const waiting = new Set<{ n: number; resolve: (call: ModelCall) => void }>();

  const server = createServer((request, response) => {
    void (async () => {
      const { promise: aborted, resolve } = Promise.withResolvers<void>();
      response.once("close", () => response.writableFinished || resolve());
      if (request.method === "GET" && model.models && request.url === "/v1/models")
        return void response.end(JSON.stringify({ data: model.models.map((id) => ({ id })) }));
      let text = "";
      for await (const chunk of request) text += String(chunk);
      const authorization = String(request.headers[wire.keyHeader] ?? "");
      const asked = wire.read(JSON.parse(text || "{}") as Record<string, unknown>);
      const call = { ...asked, authorization, aborted, wire };
      if (request.url !== wire.path) return refuses(404, "No such path.")(response, call);
      calls.push(call);
      const script = queue.shift() ?? model.reply(call);
      for (const waiter of waiting) {
        if (waiter.n > calls.length) continue;
        waiting.delete(waiter);
        waiter.resolve(calls[waiter.n - 1]!);
      }
      await script(response, call);
    })();
  });
  const port = await listenLocally(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });

  const url = `http://127.0.0.1:${port}/v1`;
  const model: ModelServer = {
    url,
    calls,
    reply: ({ messages }) => says(`Answer to: ${messages.at(-1)?.content}`),
    models: ["scripted-1"],
    next: (...scripts) => void queue.push(...scripts),
    called(n) {
      const { promise, resolve } = Promise.withResolvers<ModelCall>();
      if (calls.length >= n) resolve(calls[n - 1]!);
      else waiting.add({ n, resolve });
      return promise;
    },
    args: ["--model-provider", wire.provider, "--model-url", url, "--model", "scripted-1"],
  };
  return model;
}
