// Trees of messages: programs keep every wording of a question and every answer to it, and show one branch.
import { labelOf } from "./fields.ts";
import type { SkipMessage } from "./program.ts";

export interface Twig {
  /** Null for the beginning. */
  parent: string | null;
  /** The messages behind this one, where the program lists them. */
  children: readonly string[];
  /** The time, to find the branch that was written last. */
  at: number | null;
}

/**
 * The ids of the shown branch, from its beginning to `current`, or to the newest end of a branch. A parent that only lists
 * its children counts. Where a parent is missing, the branch goes on with the newest end before it, and `skip` hears of it.
 * A parent that was met already ends the way up.
 */
export function branchOf(
  nodes: ReadonlyMap<string, Twig>,
  current: string | null | undefined,
  skip: SkipMessage,
): string[] {
  const tree = new Tree(nodes);
  const found: string[] = [];
  const met = new Set<string>();
  let id = current && nodes.has(current) ? current : tree.ends.at(-1);
  while (id !== undefined && !met.has(id)) {
    met.add(id);
    found.push(id);
    const missing = tree.missingAbove(id);
    if (missing === undefined) id = tree.parentOf(id);
    else {
      skip(labelOf(missing) ?? "without an id", "it is missing in the file");
      id = tree.endBefore(id, missing);
    }
  }
  return found.reverse();
}

class Tree {
  /** Messages without another behind them, the newest last. */
  readonly ends: string[];
  readonly #nodes: ReadonlyMap<string, Twig>;
  readonly #listed = new Map<string, string>();
  readonly #tops = new Map<string, string>();
  readonly #places: ReadonlyMap<string, number>;
  readonly #beginning: string | undefined;

  constructor(nodes: ReadonlyMap<string, Twig>) {
    this.#nodes = nodes;
    for (const [id, { children }] of nodes)
      for (const child of children) if (!this.#listed.has(child)) this.#listed.set(child, id);
    const inOrder = [...nodes]
      .toSorted(([, a], [, b]) => (a.at ?? 0) - (b.at ?? 0))
      .map(([id]) => id);
    this.#places = new Map(inOrder.map((id, place) => [id, place]));
    const parents = new Set(inOrder.map((id) => this.parentOf(id)));
    this.ends = inOrder.filter((id) => !parents.has(id));
    // Some programs give the first message a parent that no file has.
    this.#beginning = inOrder[0] === undefined ? undefined : this.#absent(inOrder[0]);
  }

  parentOf(id: string): string | undefined {
    const parent = this.#nodes.get(id)?.parent;
    return parent && this.#nodes.has(parent) ? parent : this.#listed.get(id);
  }

  /** The parent that the file should have, and has not. */
  missingAbove(id: string): string | undefined {
    const absent = this.#absent(id);
    return absent === this.#beginning ? undefined : absent;
  }

  /** The newest end that is older than the message, without other wordings of it. */
  endBefore(id: string, missing: string): string | undefined {
    const place = this.#places.get(id)!;
    // Ends are taken away: each further gap lies before them.
    for (let end = this.ends.pop(); end !== undefined; end = this.ends.pop())
      if (this.#places.get(end)! < place && this.#absent(this.#topOf(end)) !== missing) return end;
    return undefined;
  }

  #absent(id: string): string | undefined {
    return this.parentOf(id) === undefined ? (this.#nodes.get(id)?.parent ?? undefined) : undefined;
  }

  /** The beginning of the message's branch; each way up is gone once. */
  #topOf(id: string): string {
    const way = new Set<string>();
    let top = id;
    for (let next: string | undefined = id; next !== undefined && !way.has(next);) {
      way.add((top = next));
      next = this.#tops.get(top) ?? this.parentOf(top);
    }
    for (const one of way) this.#tops.set(one, top);
    return top;
  }
}
