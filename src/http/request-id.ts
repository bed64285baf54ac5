// Each HTTP request has an id, by which its log lines can be found: its sender's, or one of ours.
import type { MiddlewareHandler } from "hono";
import { newId } from "../kernel/ids.ts";
import type { Authenticated } from "./authenticate.ts";

export const REQUEST_ID = "x-request-id";

/** What may go into a log line and an answer as it is. */
const SAFE = /^[\w.:-]{1,64}$/;

/** Takes what a proxy or client has sent when it is short and plain, and tells the id with the answer. */
export const identify: MiddlewareHandler<Authenticated> = async (c, next) => {
  const sent = c.req.header(REQUEST_ID);
  const id = sent !== undefined && SAFE.test(sent) ? sent : newId();
  c.set("requestId", id);
  await next();
  c.res.headers.set(REQUEST_ID, id);
};
