// Headers of every page. What is stored is hostile: a page runs no script, loads no picture and sits in no frame but its
// own.
import { createMiddleware } from "hono/factory";
import type { ConsoleEnv } from "../context.ts";

export const safeHeaders = (): Record<string, string> => ({
  "content-security-policy":
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
});

export const withSafeHeaders = createMiddleware<ConsoleEnv>(async (c, next) => {
  await next();
  for (const [name, value] of Object.entries(safeHeaders())) c.res.headers.set(name, value);
  if (!c.res.headers.has("cache-control")) c.res.headers.set("cache-control", "no-store");
});
