// HTTP as a client program sends it, with no SDK in between: raw requests, raw answers.
import { type IncomingMessage, request } from "node:http";
import { text as textOf } from "node:stream/consumers";
import { onTestFinished } from "vitest";

/** Shapes are asserted, not typed. */
export type Json = Record<string, any>; // oxlint-disable-line typescript/no-explicit-any

export const BOTH = "application/json, text/event-stream";
export const INFO = { name: "raw-client", version: "0.9.1" };
export const CAPABILITIES = { elicitation: { form: {} }, roots: { listChanged: true } };

/** An answer read to its end. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The JSON-RPC messages in it, whether it came as JSON or as a stream. */
  messages: Json[];
}

/** The body of a tool's result, or the error of the request. */
export interface CallAnswer extends Answer {
  data: Json;
  isError: boolean;
  says: string;
}

export async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  const { status, headers } = response;
  const type = headers.get("content-type") ?? "";
  const messages = type.startsWith("text/event-stream")
    ? eventsOf(text)
    : type.startsWith("application/json")
      ? [JSON.parse(text) as Json | Json[]].flat()
      : [];
  return { status, headers, text, messages };
}

/** The messages in the complete events of an event stream; events without data are none. */
export function eventsOf(text: string): Json[] {
  const complete = text.split("\n\n").slice(0, -1);
  return complete
    .map((event) => event.split("\n").filter((line) => line.startsWith("data:")))
    .map((lines) => lines.map((line) => line.slice("data:".length).trim()).join("\n"))
    .filter((data) => data !== "")
    .map((data) => JSON.parse(data) as Json);
}

export const rpc = (method: string, params?: object, id: string | number = 1): Json => ({
  jsonrpc: "2.0",
  id,
  method,
  ...(params && { params }),
});

export const initialize = (params: object = {}): Json =>
  rpc("initialize", {
    protocolVersion: "2025-11-25",
    capabilities: CAPABILITIES,
    clientInfo: INFO,
    ...params,
  });

/** POSTs a message, or text that stands for one; `headers` add to and override those of a well-behaved client. */
export function post(
  url: string,
  body: object | string,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: BOTH, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal && { signal }),
  });
}

/** As `post`, with a `Host` header of the test's choice: `fetch` always sends the real one. */
export async function postToHost(
  url: string,
  host: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const sent = { "content-type": "application/json", accept: BOTH, ...headers, host };
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  request(url, { method: "POST", headers: sent }, (response) => {
    textOf(response)
      .then((text) => read(new Response(text, headersAndStatus(response))))
      .then(resolve, reject);
  })
    .on("error", reject)
    .end(JSON.stringify(body));
  return promise;
}

const headersAndStatus = ({ headers, statusCode = 0 }: IncomingMessage): ResponseInit => ({
  status: statusCode,
  headers: { "content-type": headers["content-type"] ?? "" },
});

export class RawClient {
  /** The `Mcp-Session-Id`. */
  readonly id: string;
  readonly version: string;
  url: string;
  readonly #extra: Record<string, string>;
  #lastRequest = 1;

  /** `extra`: headers of each request, such as credentials. */
  constructor(url: string, id: string, version: string, extra: Record<string, string> = {}) {
    this.#extra = extra;
    this.url = url;
    this.id = id;
    this.version = version;
  }

  get headers(): Record<string, string> {
    return {
      "mcp-session-id": this.id,
      "mcp-protocol-version": this.version,
      ...this.#extra,
    };
  }

  nextId(): number {
    return ++this.#lastRequest;
  }

  post(body: object | string, headers: Record<string, string> = {}): Promise<Response> {
    return post(this.url, body, { ...this.headers, ...headers });
  }

  /** Sends one request. */
  async ask(method: string, params?: object): Promise<Answer> {
    return read(await this.post(rpc(method, params, this.nextId())));
  }

  async call(tool: string, args: object = {}, meta?: object): Promise<CallAnswer> {
    const params = { name: tool, arguments: args, ...(meta && { _meta: meta }) };
    return calling(await this.ask("tools/call", params));
  }

  /** Id of the session that it works in, which is not the client's own id. */
  async session(): Promise<string> {
    return (await this.call("session_info")).data["session"] as string;
  }

  /** Opens a standalone stream; it is closed at the test's end. */
  async listen(): Promise<Response> {
    const leaving = new AbortController();
    onTestFinished(() => leaving.abort());
    const headers = { ...this.headers, accept: "text/event-stream" };
    return fetch(this.url, { headers, signal: leaving.signal });
  }

  async end(): Promise<Answer> {
    return read(await fetch(this.url, { method: "DELETE", headers: this.headers }));
  }
}

/** The answer to a `tools/call`, taken apart. */
export function calling(answer: Answer): CallAnswer {
  const result: Json = answer.messages.at(-1)?.["result"] ?? { isError: true };
  return {
    ...answer,
    data: result["structuredContent"] ?? {},
    isError: result["isError"] ?? false,
    says: (result["content"] ?? []).map(({ text }: Json) => text).join("\n"),
  };
}

/** The code of a tool's error. */
export const codeOf = ({ messages }: Pick<Answer, "messages">): unknown =>
  messages.at(-1)?.["result"]?._meta?.["holdfast/error"];

/** Introduces a client; `url` may carry `?name=` or `?session=`. */
export async function introduce(
  url: string,
  {
    version = "2025-11-25",
    info = INFO,
    capabilities = CAPABILITIES,
    headers = {},
  }: {
    version?: string;
    info?: object;
    capabilities?: object;
    headers?: Record<string, string>;
  } = {},
): Promise<RawClient> {
  const message = initialize({ protocolVersion: version, clientInfo: info, capabilities });
  const answer = await read(await post(url, message, headers));
  const id = answer.headers.get("mcp-session-id");
  if (id === null) throw new Error(`initialize: ${answer.status} ${answer.text}`);
  const client = new RawClient(url, id, version, headers);
  await client.post({ jsonrpc: "2.0", method: "notifications/initialized" });
  return client;
}
