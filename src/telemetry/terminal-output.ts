// Log lines for a person at a terminal. The first line loads the formatter, because most runs log nothing. The
// formatter works in this thread, so a single executable has all it needs.
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
    const { prettyFactory } = (await import("pino-pretty")).default;
    this.#format = prettyFactory({
      colorize: this.#terminal.hasColors(), // hasColors() respects NO_COLOR
      translateTime: "SYS:HH:MM:ss.l",
      singleLine: true,
    });
    for (const line of this.#waiting.splice(0)) this.#terminal.write(this.#format(line));
  }
}
