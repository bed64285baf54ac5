// Splits bytes into lines. Of a line over the limit only the ends are kept, where a request has its id; later lines are not
// affected.

const NEWLINE = 0x0a;
/** Bytes at each end of a line that is too long. */
const END_BYTES = 512;

export interface Line {
  bytes: Buffer;
  /** False for a line over the limit. */
  isWhole: boolean;
}

export class Lines {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that end in this chunk, without blank ones. */
  *add(chunk: Buffer): Generator<Line> {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#take(chunk.subarray(from, at));
      from = at + 1;
      yield* this.end();
    }
    this.#take(chunk.subarray(from));
  }

  /** The rest as a line without an end. */
  *end(): Generator<Line> {
    const isWhole = this.#size <= this.#maxBytes;
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#size = 0;
    if (!isWhole || !isBlank(bytes)) yield { bytes, isWhole };
  }

  #take(piece: Buffer): void {
    this.#size += piece.length;
    this.#pieces.push(piece);
    if (this.#size <= this.#maxBytes) return;
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [all.subarray(0, END_BYTES), all.subarray(-END_BYTES)].map((end) =>
      Buffer.from(end),
    );
  }
}

const MEMBER = String.raw`\s*"(?:jsonrpc|id|method)"\s*:\s*(?:"[^"\\]*"|-?\d+)\s*,`;
const HEAD = new RegExp(String.raw`^\uFEFF?\s*\{(?:${MEMBER})+`);
const ID = /[,{]\s*"id"\s*:\s*("[^"\\]*"|-?\d{1,15})\s*,/;
const LAST_ID = /,\s*"id"\s*:\s*("[^"\\]*"|-?\d{1,15})\s*\}\s*$/;

/** The id of a request, by the ends of its line; undefined where they do not tell. An answer's id is one of ours. */
export function idAtEnds(bytes: Buffer): string | number | undefined {
  const text = bytes.toString();
  const [head = ""] = HEAD.exec(text) ?? [];
  if (!/"method"\s*:/.test(head)) return undefined;
  const [, id] = ID.exec(head) ?? LAST_ID.exec(text) ?? [];
  return id === undefined ? undefined : (JSON.parse(id) as string | number);
}

/** True for white space, also behind a byte order mark. */
const isBlank = (line: Buffer): boolean => line.length < 80 && line.toString().trim() === "";
