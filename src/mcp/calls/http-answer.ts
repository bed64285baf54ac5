// Answers to HTTP requests, as both eras give them; src/http/ writes them.
import type { SseStream } from "../../events/sse-stream.ts";

export type HttpAnswer = BodyAnswer | StreamAnswer;

/** A body of JSON, or none. */
export interface BodyAnswer {
  status: number;
  body: string | null;
  headers?: Record<string, string>;
}

export interface StreamAnswer {
  stream: SseStream;
}

/** The answer to a message that needs none. */
export const ACCEPTED: BodyAnswer = { status: 202, body: null };
