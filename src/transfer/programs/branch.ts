// Trees of messages: programs keep every wording of a question and every answer to it, and show one branch.

export interface Twig {
  /** Null for the beginning. */
  parent: string | null;
  /** The messages behind this one, where the program lists them. */
  children: readonly string[];
  /** The time, to find the branch that was written last. */
  at: number | null;
}

/**
 * The ids of the shown branch, from its beginning to `current`, or to the newest end of a branch. A missing parent, or one
 * that was met already, ends the way up; a parent that only lists its children counts.
 */
export function branchOf(
  nodes: ReadonlyMap<string, Twig>,
  current: string | null | undefined,
): string[] {
  const listed = new Map<string, string>();
  for (const [id, { children }] of nodes)
    for (const child of children) if (!listed.has(child)) listed.set(child, id);
  const parentOf = (id: string): string | undefined => {
    const parent = nodes.get(id)?.parent;
    return parent && nodes.has(parent) ? parent : listed.get(id);
  };
  const found: string[] = [];
  const met = new Set<string>();
  let id = current && nodes.has(current) ? current : newestEnd(nodes, parentOf);
  while (id !== undefined && nodes.has(id) && !met.has(id)) {
    met.add(id);
    found.push(id);
    id = parentOf(id);
  }
  return found.reverse();
}

/** The newest message without another behind it; the last one of the same time. */
function newestEnd(
  nodes: ReadonlyMap<string, Twig>,
  parentOf: (id: string) => string | undefined,
): string | undefined {
  const parents = new Set([...nodes.keys()].map(parentOf));
  return [...nodes]
    .filter(([id]) => !parents.has(id))
    .map(([id, { at }]) => ({ id, at: at ?? 0 }))
    .toSorted((a, b) => a.at - b.at)
    .at(-1)?.id;
}
