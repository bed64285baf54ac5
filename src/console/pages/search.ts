// Search in the messages of all conversations that the principal may read, or of one.
import type { Hono } from "hono";
import { html } from "hono/html";
import type { Hit } from "../../chat/history-search.ts";
import { AppError, toAppError } from "../../lib/errors.ts";
import { isId } from "../../lib/ids.ts";
import type { ConsoleContext, ConsoleEnv, ConsoleOptions } from "../context.ts";
import { openSession } from "../context.ts";
import { type Html, page } from "../layout.ts";
import { searchField } from "../parts/search-field.ts";

const MOST = 50;

export function searchRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  app.get("/search", async (c) => {
    const query = c.req.query("q") ?? "";
    const session = c.req.query("session") ?? "";
    const found = query.trim() === "" ? undefined : await find(options, c, query, session);
    return c.html(
      page(c, { title: "Search", section: "search", body: searchView(query, session, found) }),
    );
  });
}

/** The hits; a fault of the query as text. */
async function find(
  options: ConsoleOptions,
  c: ConsoleContext,
  query: string,
  session: string,
): Promise<Hit[] | string> {
  const principal = c.get("principal");
  try {
    if (isId(session)) {
      await openSession(options, principal, session);
      return await options.services.search.search({ session }, query, MOST);
    }
    return await options.services.search.search({ principal: principal.id }, query, MOST);
  } catch (error) {
    const known = toAppError(error);
    if (!(error instanceof AppError) || known.code !== "invalid") throw error;
    return known.message.replace(/^query: /, "");
  }
}

const searchView = (query: string, session: string, found: Hit[] | string | undefined): Html =>
  html`<h1>Search</h1>
    ${
      session === ""
        ? ""
        : html`<p class="soft">
            In <a href="/console/sessions/${session}">one conversation</a> only.
            <a href="/console/search?${new URLSearchParams({ q: query }).toString()}"
              >Search all of them</a
            >
          </p>`
    }
    ${searchField({
      ...{ label: "Words in messages", action: "/console/search", query, results: "hits" },
      autofocus: query === "",
      more: session === "" ? "" : html`<input type="hidden" name="session" value="${session}" />`,
    })}
    <div id="hits" aria-live="polite">${hitsView(found)}</div>`;

function hitsView(found: Hit[] | string | undefined): Html {
  if (found === undefined)
    return html`<p class="empty">
      The best matches come first, from every conversation of yours.
    </p>`;
  if (typeof found === "string") return html`<p class="empty">${found}</p>`;
  if (found.length === 0) return html`<p class="empty">No message has these words.</p>`;
  return html`<ol class="hits">
    ${found.map(
      ({ session, title, seq, role, author, snippet }) =>
        html`<li>
          <a href="/console/sessions/${session}?at=${seq}#m${seq}">${title ?? "Untitled"}</a>
          <span class="soft">#${seq} ${role}${author === null ? "" : `, ${author}`}</span>
          <p>${marked(snippet)}</p>
        </li>`,
    )}
  </ol>`;
}

/** The matches of a snippet stand between `**`. */
const marked = (snippet: string): Html[] =>
  snippet
    .split("**")
    .map((text, index) => (index % 2 === 1 ? html`<mark>${text}</mark>` : html`${text}`));
