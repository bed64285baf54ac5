// Who shares which conversation with whom, as a table.
import { html } from "hono/html";
import type { Share } from "../../sessions/store.ts";
import { type Html, when } from "../layout.ts";
import { titleOf } from "./names.ts";
import { table } from "./table.ts";

/** Rows of the table. */
export const MOST_SHARES = 200;

/** `reader`: for whom the page is; a title is shown to who may read the conversation. */
export function sharesView(shares: readonly Share[], reader: string): Html {
  const now = Date.now();
  return html`${table(
    "Shares",
    ["Conversation", "Of", "With", "To", "Since"],
    shares.map(({ session, owner, principal, access, pending, createdAt, ...named }) => [
      owner === reader || (principal === reader && !pending)
        ? html`<a href="/console/sessions/${session}" dir="auto">${titleOf(named)}</a>`
        : html`<code>${session}</code>`,
      ...[owner, principal],
      `${access === "read" ? "read" : "read and change"}${pending ? ", not accepted yet" : ""}`,
      when(createdAt, now),
    ]),
  )}
  ${shares.length < MOST_SHARES ? "" : html`<p class="soft">These are the newest ones.</p>`}`;
}
