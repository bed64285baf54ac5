// Tools, prompts or resources by their key, in order. A catalogue is immutable; a call keeps the one that it began
// with.
import { once } from "../lib/once.ts";

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

interface Content<Item> {
  byKey: ReadonlyMap<unknown, Item>;
  /** Keys of the built-in definitions. */
  builtIn: ReadonlySet<string>;
}

/** Built-in definitions are made at their first use: a server need not have them to start. */
export class Catalogue<Item extends Listed<Wire>, Wire = Item["wire"]> {
  /** A user's own definitions, in the order of definition. */
  readonly own: readonly Item[];
  readonly #kind: Kind<Item>;
  readonly #content: () => Content<Item>;

  private constructor(kind: Kind<Item>, own: readonly Item[], content: () => Content<Item>) {
    this.#kind = kind;
    this.own = own;
    this.#content = content;
  }

  /** All definitions, in the order of definition. */
  get items(): readonly Item[] {
    return [...this.#content().byKey.values()];
  }

  /** The list that clients get, in the order of definition. */
  get wire(): readonly Wire[] {
    return this.items.map(({ wire }) => wire);
  }

  static of<Item extends Listed<unknown>>(
    kind: Kind<Item>,
    builtIn: () => readonly Item[],
  ): Catalogue<Item> {
    const content = once(() => {
      const keyed = builtIn().map((item): [string, Item] => [kind.keyOf(item), item]);
      return { byKey: new Map(keyed), builtIn: new Set(keyed.map(([key]) => key)) };
    });
    return new Catalogue<Item>(kind, [], content);
  }

  /** Add a user's own definitions. @throws TypeError for a name that is taken */
  with(items: readonly Item[]): Catalogue<Item, Wire> {
    if (items.length === 0) return this;
    const { label, field, keyOf, isReserved, yields } = this.#kind;
    const { byKey, builtIn: keys } = this.#content();
    const all = new Map(byKey);
    const builtIn = new Set(keys);
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
    const content: Content<Item> = { byKey: all, builtIn };
    return new Catalogue(this.#kind, [...this.own, ...items], () => content);
  }

  get(key: unknown): Item | undefined {
    return this.#content().byKey.get(key);
  }

  isBuiltIn(key: string): boolean {
    return this.#content().builtIn.has(key);
  }
}
