// The logger writes to standard error, so that standard output stays free for MCP. Programs get JSON, a terminal
// readable text. No message content, argument, key or token is ever passed to it.
import { type Logger, pino } from "pino";
import { LineOutput } from "./line-output.ts";
import { redact } from "./redact.ts";
import { TerminalOutput } from "./terminal-output.ts";

export type { Logger };

export interface LogOutput {
  log: Logger;
  /** Resolves when all log lines are written. */
  flush(): Promise<void>;
}

/**
 * Open a log for the reader of standard error: a person at a terminal, or a program. `level` as in the setting
 * log-level; `onDrop` is called for each line that the reader is too slow for.
 */
export function openLog(level: string, onDrop?: () => void): LogOutput {
  if (process.stderr.isTTY) {
    const output = new TerminalOutput(process.stderr);
    return { log: pino(options(level), output), flush: () => output.flush() };
  }
  const onResume = (lines: number): void =>
    log.warn({ lines }, "log lines were dropped: the output was not read");
  const output = new LineOutput(2, { onDrop, onResume });
  const log = pino(options(level), output);
  return { log, flush: () => output.flush() };
}

/** Like `openLog`, but with JSON lines also at a terminal, for logs beside a server. */
export const createLogger = (level: string): Logger =>
  pino(options(level), new LineOutput(2, { onResume: () => undefined }));

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

/** Describe any thrown value; never throws. */
function describe(error: unknown): Described {
  try {
    return parts(error);
  } catch {
    return { type: typeof error, message: "it cannot be shown" };
  }
}

/** Keep other properties of libraries' errors out (headers, whole requests). */
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
