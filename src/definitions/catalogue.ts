// Tools, prompts or resources by their key, in order. A catalogue is immutable; a call keeps the one that it began
// with.

/** A definition that clients see in a list. */
export interface Listed<Wire> {
  /** Entry in the list. */
  readonly wire: Wire;
}

/** The key of a kind of definitions. */
export interface Kind<Item> {
  /** Label of the kind in errors, as in "Tool greet". */
  readonly label: string;
  /** Field that must be unique, such as `name`. */
  readonly field: string;
  keyOf(item: Item): string;
  /** True for a key that only built-in definitions may have. */
  isReserved?(key: string): boolean;
  /** True for a built-in definition that a user's own may replace. */
  yields?(builtIn: Item): boolean;
}

export class Catalogue<Item extends Listed<Wire>, Wire = Item["wire"]> {
  readonly items: readonly Item[];
  readonly #kind: Kind<Item>;
  readonly #byKey: ReadonlyMap<unknown, Item>;
  readonly #builtIn: ReadonlySet<string>;

  private constructor(
    kind: Kind<Item>,
    byKey: ReadonlyMap<unknown, Item>,
    builtIn: ReadonlySet<string>,
  ) {
    this.#kind = kind;
    this.#byKey = byKey;
    this.#builtIn = builtIn;
    this.items = [...byKey.values()];
  }

  /** The list that clients get, in the order of definition. */
  get wire(): readonly Wire[] {
    return this.items.map(({ wire }) => wire);
  }

  static of<Item extends Listed<unknown>>(
    kind: Kind<Item>,
    builtIn: readonly Item[],
  ): Catalogue<Item> {
    const keyed = builtIn.map((item): [string, Item] => [kind.keyOf(item), item]);
    return new Catalogue<Item>(kind, new Map(keyed), new Set(keyed.map(([key]) => key)));
  }

  /** Add a user's own definitions. @throws TypeError for a name that is taken */
  with(items: readonly Item[]): Catalogue<Item, Wire> {
    const { label, field, keyOf, isReserved, yields } = this.#kind;
    const all = new Map(this.#byKey);
    const builtIn = new Set(this.#builtIn);
    for (const item of items) {
      const key = keyOf(item);
      const whose = `${label} ${key}: ${field}:`;
      const known = all.get(key);
      if (known !== undefined && builtIn.has(key) && yields?.(known)) {
        builtIn.delete(key);
        all.delete(key);
      }
      if (builtIn.has(key) || isReserved?.(key))
        throw new TypeError(
          `${whose} a built-in ${label.toLowerCase()} has it; choose another one.`,
        );
      if (all.has(key)) throw new TypeError(`${whose} two ${label.toLowerCase()}s have it.`);
      all.set(key, item);
    }
    return new Catalogue(this.#kind, all, builtIn);
  }

  get(key: unknown): Item | undefined {
    return this.#byKey.get(key);
  }

  isBuiltIn(key: string): boolean {
    return this.#builtIn.has(key);
  }
}
