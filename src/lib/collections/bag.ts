// A collection without order and without keys, of what comes and goes all the time. Adding and removing costs no hashing.

/** The place of a value, by which it is removed. */
export class Place<T> {
  readonly value: T;
  /** Index in the bag; -1 once it is removed. */
  index: number;

  constructor(value: T, index: number) {
    this.value = value;
    this.index = index;
  }
}

export class Bag<T> {
  readonly #places: Place<T>[] = [];

  get size(): number {
    return this.#places.length;
  }

  add(value: T): Place<T> {
    const place = new Place(value, this.#places.length);
    this.#places.push(place);
    return place;
  }

  /** The last value moves to this place. False if the value was removed before. */
  remove(place: Place<T>): boolean {
    if (place.index < 0) return false;
    const last = this.#places.pop()!;
    if (last !== place) {
      last.index = place.index;
      this.#places[last.index] = last;
    }
    place.index = -1;
    return true;
  }

  /** A copy, which later changes leave as it is. */
  get places(): Place<T>[] {
    return [...this.#places];
  }

  get values(): T[] {
    return this.#places.map(({ value }) => value);
  }
}
