// The logger: JSON lines on standard error, so that standard output stays free for MCP. Secrets are never passed to it.
import { destination, pino, type Logger } from "pino";

export type { Logger };

/** `level` as in the setting log-level. */
export function createLogger(level: string): Logger {
  return pino(
    { level, base: undefined, timestamp: () => `,"time":"${new Date().toISOString()}"` },
    destination({ fd: 2, sync: true }),
  );
}
