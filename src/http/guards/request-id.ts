// Each HTTP request has an id, by which its log lines can be found: its sender's, or one of ours.
import { newId } from "../../lib/ids.ts";
import type { Guard } from "./guard.ts";

export const REQUEST_ID = "x-request-id";

/** What may go into a log line and an answer as it is. */
const SAFE = /^[\w.:-]{1,64}$/;

/**
 * Takes what a proxy or client has sent when it is short and plain, and tells the id with the answer: on Node's own
 * response, for to touch the headers of a `Response` means building them a second time.
 */
export const identify: Guard = (c) => {
  const sent = c.req.header(REQUEST_ID);
  const id = sent !== undefined && SAFE.test(sent) ? sent : newId();
  c.set("requestId", id);
  c.env.outgoing.setHeader(REQUEST_ID, id);
  return undefined;
};
