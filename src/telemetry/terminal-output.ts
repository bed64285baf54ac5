// Log lines for a person at a terminal. What makes them readable is loaded with the first line, for most runs log
// nothing; it works inside this thread, so that a single executable has all it needs.
import type { WriteStream } from "node:tty";

export class TerminalOutput {
  readonly #terminal: WriteStream;
  readonly #waiting: string[] = [];
  #format: ((line: string) => string) | undefined;
  #loading: Promise<void> | undefined;

  constructor(terminal: WriteStream) {
    this.#terminal = terminal;
  }

  /** `line`: one JSON object. */
  write(line: string): void {
    if (this.#format) {
      this.#terminal.write(this.#format(line));
      return;
    }
    this.#waiting.push(line);
    this.#loading ??= this.#load();
  }

  async flush(): Promise<void> {
    await this.#loading;
  }

  async #load(): Promise<void> {
    const { prettyFactory } = await import("pino-pretty");
    this.#format = prettyFactory({
      colorize: this.#terminal.hasColors(), // knows NO_COLOR
      translateTime: "SYS:HH:MM:ss.l",
      singleLine: true,
    });
    for (const line of this.#waiting.splice(0)) this.#terminal.write(this.#format(line));
  }
}
