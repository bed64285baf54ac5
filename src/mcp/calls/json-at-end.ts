// Conversion of an SSE answer to one JSON body, for clients that accept no streams. Progress is left out.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import type { SseStream } from "../../events/sse-stream.ts";
import { toJson } from "../../lib/json/json.ts";
import { RequestError } from "../../protocol/errors.ts";
import { isAnswer } from "../../protocol/json-rpc.ts";
import type { BodyAnswer } from "./http-answer.ts";

export interface JsonAtEndOptions {
  /** True if the requests came as an array. */
  batch: boolean;
  /** Aborted when the connection ends. */
  signal: AbortSignal;
}

export async function jsonAtEnd(
  stream: SseStream,
  { batch, signal }: JsonAtEndOptions,
): Promise<BodyAnswer> {
  const answers: JSONRPCMessage[] = [];
  for await (const message of messagesOf(stream, signal))
    if (isAnswer(message)) answers.push(message);
  const [first] = answers;
  if (first === undefined) {
    const message = "This answer was cut off. Send the same request again.";
    throw new RequestError("try_again", message, { retryAfter: 1 });
  }
  return { status: 200, body: toJson(batch ? answers : first) };
}

/** The messages of a stream; our events have their data in one line. */
async function* messagesOf(stream: SseStream, signal: AbortSignal): AsyncGenerator<JSONRPCMessage> {
  const reader = stream.body.getReader();
  const leave = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", leave);
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const lines = `${rest}${decoder.decode(read.value, { stream: true })}`.split("\n");
      rest = lines.pop()!;
      for (const line of lines)
        if (line.startsWith("data: {")) yield JSON.parse(line.slice(6)) as JSONRPCMessage;
    }
  } catch {
    // The stream was cut: answer with the messages so far.
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
