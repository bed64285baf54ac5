// Tools, prompts or resources by what names them, in order. It never changes; a call keeps the one that it began with.

/** A thing that clients see in a list. */
export interface Listed<Wire> {
  /** As the list shows it. */
  readonly wire: Wire;
}

/** What names the things of a kind. */
export interface Kind<Item> {
  /** As in "Tool greet". */
  readonly label: string;
  /** The field that no two may share, such as `name`. */
  readonly field: string;
  keyOf(item: Item): string;
  /** Whether only built-in ones may have this key. */
  isReserved?(key: string): boolean;
  /** Whether somebody's own may take the place of this built-in one. */
  yields?(builtIn: Item): boolean;
}

export class Catalogue<Item extends Listed<Wire>, Wire = Item["wire"]> {
  readonly items: readonly Item[];
  /** As a list answers, in the order of definition. */
  readonly wire: readonly Wire[];
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
    this.wire = this.items.map(({ wire }) => wire);
  }

  static of<Item extends Listed<unknown>>(
    kind: Kind<Item>,
    builtIn: readonly Item[],
  ): Catalogue<Item> {
    const keyed = builtIn.map((item): [string, Item] => [kind.keyOf(item), item]);
    return new Catalogue<Item>(kind, new Map(keyed), new Set(keyed.map(([key]) => key)));
  }

  /** With these of somebody's own. @throws TypeError for a name that is taken */
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
