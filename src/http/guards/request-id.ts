// The id of an HTTP request, which finds its log lines: the sender's id, or a new one.
import { newId } from "../../lib/ids.ts";
import { type Guard, sent } from "./guard.ts";

export const REQUEST_ID = "x-request-id";

/** Text that is safe in a log line and in an answer. */
const SAFE = /^[\w.:-]{1,64}$/;

/**
 * Take the id that a proxy or client has sent if it is short and plain, and return the id with the answer. Set it on
 * Node's response, because touching the headers of a `Response` rebuilds them.
 */
export const identify: Guard = (c) => {
  const given = sent(c, REQUEST_ID);
  const id = given !== undefined && SAFE.test(given) ? given : newId();
  c.set("requestId", id);
  c.env.outgoing.setHeader(REQUEST_ID, id);
  return undefined;
};
