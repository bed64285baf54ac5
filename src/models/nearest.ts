// The vectors that are nearest to another one, of many in memory. Among very many long ones, the signs of their numbers choose
// candidates, because two near vectors agree in most signs. Only the candidates are compared number by number.
import { setImmediate as nextTurn } from "node:timers/promises";

/** With fewer vectors, or fewer numbers in each, all are compared. */
const MANY = 20_000;
const LONG = 256;
const CANDIDATES = 8_000;
/** Vectors that are looked at without a pause for other calls. */
const PIECE = 10_000;
/** Texts with less in common have nothing to do with each other, for nearly all models. */
const MIN_SIMILARITY = 0.25;

export interface Near {
  id: number;
  similarity: number;
}

/** Vectors of one length. */
export class VectorSet {
  readonly #ids: number[] = [];
  readonly #vectors: Float32Array[] = [];
  /** A bit for each number, in as many words for each vector. */
  #signs = new Uint32Array();
  readonly #words: number;

  constructor(length: number) {
    this.#words = length < LONG ? 0 : Math.ceil(length / 32);
  }

  get bytes(): number {
    return this.#vectors.length * (this.#vectors[0]?.byteLength ?? 0) + this.#signs.byteLength;
  }

  add(id: number, vector: Float32Array): void {
    const start = this.#vectors.length * this.#words;
    if (start + this.#words > this.#signs.length) {
      const more = new Uint32Array(2 * start + this.#words);
      more.set(this.#signs);
      this.#signs = more;
    }
    if (this.#words > 0) this.#signs.set(signsOf(vector), start);
    this.#ids.push(id);
    this.#vectors.push(vector);
  }

  /** At most `limit` of them, the nearest first. */
  async nearest(query: Float32Array, limit: number): Promise<Near[]> {
    const candidates = await this.#candidates(query);
    const count = candidates?.length ?? this.#vectors.length;
    const best: Near[] = [];
    for (let n = 0; n < count; n++) {
      if (n % PIECE === PIECE - 1) await nextTurn();
      const at = candidates?.[n] ?? n;
      const similarity = product(query, this.#vectors[at]!);
      if (similarity < MIN_SIMILARITY) continue;
      if (best.length === limit && similarity <= best.at(-1)!.similarity) continue;
      const place = best.findLastIndex((one) => one.similarity >= similarity) + 1;
      best.splice(place, 0, { id: this.#ids[at]!, similarity });
      if (best.length > limit) best.pop();
    }
    return best;
  }

  /** Places of those with the fewest other signs; undefined for all. */
  async #candidates(query: Float32Array): Promise<number[] | undefined> {
    const [count, words, signs] = [this.#vectors.length, this.#words, this.#signs];
    if (count < MANY || words === 0) return undefined;
    const wanted = signsOf(query);
    const differences = new Uint16Array(count);
    const frequencies = new Uint32Array(query.length + 1);
    for (let at = 0; at < count; at++) {
      if (at % PIECE === PIECE - 1) await nextTurn();
      let different = 0;
      for (let word = 0, place = at * words; word < words; word++, place++)
        different += ones(wanted[word]! ^ signs[place]!);
      differences[at] = different;
      frequencies[different]! += 1;
    }
    let [most, sum] = [0, frequencies[0]!];
    while (sum < CANDIDATES && most < query.length) sum += frequencies[++most]!;
    const found: number[] = [];
    for (let at = 0; at < count; at++) if (differences[at]! <= most) found.push(at);
    return found;
  }
}

function signsOf(vector: Float32Array): Uint32Array {
  const signs = new Uint32Array(Math.ceil(vector.length / 32));
  for (let i = 0; i < vector.length; i++) if (vector[i]! > 0) signs[i >> 5]! |= 1 << (i & 31);
  return signs;
}

/** The number of bits that are set. */
function ones(bits: number): number {
  const pairs = bits - ((bits >>> 1) & 0x55_55_55_55);
  const fours = (pairs & 0x33_33_33_33) + ((pairs >>> 2) & 0x33_33_33_33);
  return Math.imul((fours + (fours >>> 4)) & 0x0f_0f_0f_0f, 0x01_01_01_01) >>> 24;
}

/** In four sums: the processor adds to one while it waits for the others. */
function product(a: Float32Array, b: Float32Array): number {
  let [first, second, third, fourth] = [0, 0, 0, 0];
  const whole = a.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    first += a[i]! * b[i]!;
    second += a[i + 1]! * b[i + 1]!;
    third += a[i + 2]! * b[i + 2]!;
    fourth += a[i + 3]! * b[i + 3]!;
  }
  for (let i = whole; i < a.length; i++) first += a[i]! * b[i]!;
  return first + second + third + fourth;
}
