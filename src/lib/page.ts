// How much of a list one answer holds: a number of items, and a number of bytes that is decided before they are read.

/** A page of messages or values ends early once it reaches this size; one item is always on it. */
export const PAGE_BYTES = 1_000_000;

export interface PageBounds {
  /** Most items. */
  limit: number;
  /** Most bytes, but for the first item. Default: PAGE_BYTES. */
  maxBytes?: number | undefined;
}

/**
 * How many of these are on the page. `sizes`: the bytes of the items in their order, one more than `limit` where there
 * are so many.
 */
export function onPage(sizes: readonly number[], bounds: PageBounds): number {
  const { limit, maxBytes = PAGE_BYTES } = bounds;
  let bytes = 0;
  const end = sizes.findIndex((size, i) => {
    bytes += size;
    return i === limit || (i > 0 && bytes > maxBytes);
  });
  return end === -1 ? sizes.length : end;
}
