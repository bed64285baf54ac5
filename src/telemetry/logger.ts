// The logger: lines on standard error, so that standard output stays free for MCP. JSON for programs, readable text for
// somebody at a terminal. No message content, argument, key or token is ever passed to it.
import { destination, pino, type Logger } from "pino";
import { redact } from "./redact.ts";
import { TerminalOutput } from "./terminal-output.ts";

export type { Logger };

export interface LogOutput {
  log: Logger;
  /** Resolves when everything that was logged is written. */
  flush(): Promise<void>;
}

/** `level` as in the setting log-level. */
export function createLogger(level: string): Logger {
  return pino(options(level), destination({ fd: 2, sync: true }));
}

/** As `createLogger`, for whoever reads standard error: a person at a terminal, or a program. */
export function openLog(level: string): LogOutput {
  if (!process.stderr.isTTY) return { log: createLogger(level), flush: async () => undefined };
  const output = new TerminalOutput(process.stderr);
  return { log: pino(options(level), output), flush: () => output.flush() };
}

const options = (level: string) => ({
  level,
  base: undefined,
  timestamp: () => `,"time":"${new Date().toISOString()}"`,
  formatters: { level: (label: string) => ({ level: label }) },
  serializers: { err: describe },
});

interface Described {
  type: string;
  message: string;
  code?: unknown;
  stack?: string;
  cause?: Described;
}

const MAX_CAUSES = 5;

/** Whatever was thrown, a line about it must not throw once more. */
function describe(error: unknown): Described {
  try {
    return parts(error);
  } catch {
    return { type: typeof error, message: "it cannot be shown" };
  }
}

/** What libraries hang on their errors besides (headers, whole requests) stays out. */
function parts(error: unknown, causes = MAX_CAUSES): Described {
  if (!(error instanceof Error)) return { type: typeof error, message: redact(String(error)) };
  const { name, message, stack, cause } = error;
  const { code } = error as { code?: unknown };
  return {
    type: name,
    message: redact(message),
    ...(code !== undefined && { code }),
    ...(stack !== undefined && { stack: redact(stack) }),
    ...(cause !== undefined && causes > 0 && { cause: parts(cause, causes - 1) }),
  };
}
