// For whoever looks after the process: is it there, and can it do its work?
import type { Hono } from "hono";
import { toAppError } from "../../lib/errors.ts";
import { RPC, rpcError } from "../../protocol/json-rpc.ts";
import { why } from "../../telemetry/failures.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Authenticated } from "../guard.ts";

const RETRY_SECONDS = "3";

/** `ready` rejects when the storage cannot be used. */
export function healthRoutes(
  app: Hono<Authenticated>,
  ready: () => Promise<void>,
  log: Logger,
): void {
  app.get("/healthz", (c) => c.text("ok\n"));
  app.get("/readyz", async (c) => {
    try {
      await ready();
      return c.text("ok\n");
    } catch (error) {
      const request = c.get("requestId");
      const known = toAppError(error, request);
      log.warn({ ...why(known), request }, "not ready");
      return rpcError(503, RPC.internal, known.advice, {
        headers: { "retry-after": RETRY_SECONDS },
      });
    }
  });
}
