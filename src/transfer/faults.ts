// The faults of an import file: all are counted, the first ones are reported.
import { AppError } from "../lib/errors.ts";
import { counted } from "../lib/text/plural.ts";

const SHOWN = 20;

/** True for an error about the input. */
export const isOfInput = (error: unknown): error is AppError =>
  error instanceof AppError && ["invalid", "limit"].includes(error.code);

export class Faults {
  readonly #lines: string[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** `where` is a place such as `line 12`. */
  add(where: string, what: string): void {
    this.#count += 1;
    if (this.#lines.length < SHOWN) this.#lines.push(`${where}: ${what}`);
  }

  /** Adds an error about the input; rethrows any other error. */
  addError(where: string, error: unknown): void {
    if (!isOfInput(error)) throw error;
    this.add(where, error.message);
  }

  /** @throws AppError `invalid` when the file has faults */
  check(): void {
    if (this.#count === 0) return;
    const more = this.#count - this.#lines.length;
    throw new AppError(
      "invalid",
      [
        `Nothing was imported, because of ${counted(this.#count, "fault")}:`,
        ...this.#lines,
        ...(more > 0 ? [`… and ${more} more`] : []),
      ].join("\n"),
    );
  }
}
