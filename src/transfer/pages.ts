// Pages of content that are small enough for one commit beside a working server.
import type { Content } from "./store.ts";

/** Limits of a page. A commit holds up every call: this much text without spaces takes a tenth of a second. */
const PAGE_ROWS = 50;
const PAGE_CHARACTERS = 20_000;

export async function* inPages(
  pieces: AsyncIterable<Content>,
  wanted: (piece: Content) => boolean = () => true,
): AsyncGenerator<Content[]> {
  let page: Content[] = [];
  let size = 0;
  for await (const piece of pieces) {
    if (!wanted(piece)) continue;
    page.push(piece);
    size += (piece.type === "state" ? piece.entry.value : piece.message.content).length;
    if (page.length < PAGE_ROWS && size < PAGE_CHARACTERS) continue;
    yield page;
    [page, size] = [[], 0];
  }
  if (page.length > 0) yield page;
}
