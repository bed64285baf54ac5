// What a command is given of the outside world, so that only main.ts touches the process.

export interface Terminal {
  /** Writes a line to standard output. */
  print(line: string): void;
  /** Writes a line to standard error. */
  warn(line: string): void;
  /** Calls `stop` at the first SIGINT or SIGTERM. */
  onStop(stop: () => Promise<void>): void;
}
