// The one stand-in of the tests: an OpenAI-compatible endpoint that does what a test tells it to, and remembers what it
// was asked. It speaks the wire format of streaming chat completions.
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** One request as the model saw it. */
export interface ModelCall {
  model: string;
  messages: { role: string; content: string }[];
  temperature?: number;
  max_tokens?: number;
  stream?: boolean;
  /** The header, or "". */
  authorization: string;
  /** Resolves when the asking side closes the connection before the answer is complete. */
  aborted: Promise<void>;
}

/** What the endpoint does with one request. */
export type Script = (response: ServerResponse, call: ModelCall) => void | Promise<void>;

/** Answers piece by piece, as the pieces come. */
export const streams =
  (pieces: () => AsyncIterable<string>): Script =>
  async (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for await (const content of pieces()) response.write(event({ delta: { content } }));
    response.write(event({ delta: {}, finish_reason: "stop" }));
    response.write(event(undefined, USAGE));
    response.end("data: [DONE]\n\n");
  };

/** Answers piece by piece; a promise among the pieces is waited for. */
export const says = (...pieces: (string | Promise<unknown>)[]): Script =>
  streams(async function* () {
    for (const piece of pieces) {
      if (typeof piece === "string") yield piece;
      else await piece;
    }
  });

/** Refuses. `retry-after-ms` makes the asker's next attempt come at once. */
export const refuses =
  (status: number, message: string): Script =>
  (response) => {
    response
      .writeHead(status, { "content-type": "application/json", "retry-after-ms": "1" })
      .end(JSON.stringify({ error: { message, type: "scripted", code: null } }));
  };

/** Answers 200 with this body as it is. */
export const sends =
  (body: string, contentType = "text/event-stream"): Script =>
  (response) =>
    void response.writeHead(200, { "content-type": contentType }).end(body);

/** Says a little and cuts the connection. */
export const breaksOff =
  (text: string): Script =>
  (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(event({ delta: { content: text } }), () => response.destroy());
  };

/** Never answers. */
export const isSilent: Script = () => undefined;

export const USAGE = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

export interface ModelServer {
  readonly url: string;
  /** Every request so far, in order. */
  readonly calls: readonly ModelCall[];
  /** What is done when nothing is queued. Default: says "Answer to: " and the last message. */
  reply: (call: ModelCall) => Script;
  /** Queues scripts for the next requests, one each. */
  next(...scripts: Script[]): void;
  /** Resolves to the n-th request (from 1), as soon as it has come. */
  called(n: number): Promise<ModelCall>;
  /** Arguments that make Holdfast use this endpoint. */
  readonly args: readonly string[];
}

/** Starts the endpoint on a port of the system's choice; it ends with the test. */
export async function startModel(): Promise<ModelServer> {
  const calls: ModelCall[] = [];
  const queue: Script[] = [];
  const waiting = new Set<{ n: number; resolve: (call: ModelCall) => void }>();

  const server = createServer((request, response) => {
    void (async () => {
      const { promise: aborted, resolve } = Promise.withResolvers<void>();
      response.once("close", () => response.writableFinished || resolve());
      let text = "";
      for await (const chunk of request) text += String(chunk);
      const authorization = request.headers.authorization ?? "";
      const call = { ...(JSON.parse(text) as ModelCall), authorization, aborted };
      if (request.url !== "/v1/chat/completions")
        return refuses(404, "No such path.")(response, call);
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
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });

  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const model: ModelServer = {
    url,
    calls,
    reply: ({ messages }) => says(`Answer to: ${messages.at(-1)?.content}`),
    next: (...scripts) => void queue.push(...scripts),
    called(n) {
      const { promise, resolve } = Promise.withResolvers<ModelCall>();
      if (calls.length >= n) resolve(calls[n - 1]!);
      else waiting.add({ n, resolve });
      return promise;
    },
    args: ["--model-url", url, "--model", "scripted-1"],
  };
  return model;
}

const event = (choice: object | undefined, usage?: object): string =>
  `data: ${JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "scripted-1",
    choices: choice ? [{ index: 0, ...choice }] : [],
    ...(usage && { usage }),
  })}\n\n`;
