// The bounds of a page: a number of items, and a number of bytes that is checked before the items are read.

import { AppError } from "./errors.ts";

/** Bytes at which a page of messages or values ends early; it always holds one item. */
export const PAGE_BYTES = 1_000_000;

export interface PageBounds {
  /** Most items. */
  limit: number;
  /** Most bytes; the first item may have more. Default: PAGE_BYTES. */
  maxBytes?: number | undefined;
}

/** Check the number of items that JavaScript code asks for. @throws AppError `invalid` */
export function checkLimit(limit: unknown): void {
  if (!Number.isSafeInteger(limit) || Number(limit) < 1)
    throw new AppError("invalid", "limit: expected a whole number from 1.");
}

/**
 * Number of items that fit on the page. `sizes`: the items' bytes in order, with one item more than `limit` if there
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
