// What is wrong with a file that is to be imported: all of it is counted, the first of it is told.
import { AppError } from "../lib/errors.ts";
import { counted } from "../lib/text/plural.ts";

const SHOWN = 20;

export class Faults {
  readonly #lines: string[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** `where`: such as `line 12`. */
  add(where: string, what: string): void {
    this.#count += 1;
    if (this.#lines.length < SHOWN) this.#lines.push(`${where}: ${what}`);
  }

  /** Notes an error about the input; throws any other. */
  addError(where: string, error: unknown): void {
    const known = error instanceof AppError && ["invalid", "limit"].includes(error.code);
    if (!known) throw error;
    this.add(where, error.message);
  }

  /** @throws AppError `invalid` when there are any */
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
