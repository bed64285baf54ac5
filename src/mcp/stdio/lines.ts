// Splits bytes into lines. A line over the limit is discarded and yielded as undefined; later lines are not affected.

const NEWLINE = 0x0a;

export class Lines {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that end in this chunk, without blank ones. */
  *add(chunk: Buffer): Generator<Buffer | undefined> {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#take(chunk.subarray(from, at));
      from = at + 1;
      yield* this.end();
    }
    this.#take(chunk.subarray(from));
  }

  /** The rest as a line without an end. */
  *end(): Generator<Buffer | undefined> {
    const line = this.#size > this.#maxBytes ? undefined : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#size = 0;
    if (line === undefined || !isBlank(line)) yield line;
  }

  #take(piece: Buffer): void {
    this.#size += piece.length;
    if (this.#size > this.#maxBytes) this.#pieces = [];
    else this.#pieces.push(piece);
  }
}

/** True for white space, also behind a byte order mark. */
const isBlank = (line: Buffer): boolean => line.length < 80 && line.toString().trim() === "";
