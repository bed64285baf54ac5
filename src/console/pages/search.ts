// Search in the messages of all conversations that the principal may read, or of one.
import type { Hono } from "hono";
import { html } from "hono/html";
import type { Principal } from "../../auth/principal.ts";
import type { FoundFact, Hit } from "../../chat/history-search.ts";
import { AppError } from "../../lib/errors.ts";
import { isId } from "../../lib/ids.ts";
import { shortened } from "../../lib/text/text.ts";
import type { ConsoleContext, ConsoleEnv, ConsoleOptions } from "../context.ts";
import { readSession } from "../context.ts";
import { type Html, page, when } from "../layout.ts";
import { searchField } from "../parts/search-field.ts";

const MOST = 50;
const MOST_FACTS = 10;
const MAX_VALUE_BYTES = 500;

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

interface Results {
  /** The best ones, at most MOST. */
  hits: Hit[];
  /** True if others match too. */
  more: boolean;
  facts: FoundFact[];
}

/** The hits and facts; a fault of the query as text. */
async function find(
  options: ConsoleOptions,
  c: ConsoleContext,
  query: string,
  session: string,
): Promise<Results | string> {
  const principal = c.get("principal");
  const { search } = options.services;
  try {
    if (isId(session)) await readSession(options, principal, session);
    const scope = isId(session) ? { session } : { principal: principal.id };
    const hits = await search.search(scope, query, MOST + 1);
    const facts = await search.facts(scope, query, MOST_FACTS);
    const named = await namer(options, principal, [...hits, ...facts]);
    return {
      hits: hits.slice(0, MOST).map(named),
      more: hits.length > MOST,
      facts: facts.map(named),
    };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "invalid") throw error;
    const { hint } = error;
    const message = sentence(error.message.replace(/^query: /, ""));
    return hint === undefined || message.includes(hint) ? message : `${message} ${hint}`;
  }
}

/** Puts the name in place of a missing title: home has none. */
async function namer(
  { services }: ConsoleOptions,
  principal: Principal,
  found: readonly Place[],
): Promise<<T extends Place>(place: T) => T> {
  const ids = new Set(found.filter(({ title }) => title === null).map(({ session }) => session));
  const untitled = await Promise.all(
    Array.from(ids, (id) => services.sessions.look(principal, id)),
  );
  const names = new Map(untitled.map((session) => [session?.id, session?.name ?? null]));
  return (place) => ({ ...place, title: place.title ?? names.get(place.session) ?? null });
}

type Place = Pick<Hit, "session" | "title">;

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const searchView = (query: string, session: string, found: Results | string | undefined): Html =>
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

function hitsView(found: Results | string | undefined): Html {
  if (found === undefined)
    return html`<p class="empty">
      The best matches come first, from every conversation of yours. A query may have
      <code>"a phrase"</code>, <code>-without</code>, <code>role:user</code>,
      <code>after:2026-03-31</code>, <code>before:2026-04</code> and <code>title:garden</code>.
    </p>`;
  if (typeof found === "string") return html`<p class="empty">${found}</p>`;
  const { hits, more, facts } = found;
  if (hits.length === 0 && facts.length === 0)
    return html`<p class="empty">No message has these words.</p>`;
  return html`${messagesView(hits)}${more ? MORE : ""}${facts.length === 0 ? "" : factsView(facts)}`;
}

const MORE = html`<p class="soft">
  These are the best ${MOST}; others match, too. <code>after:2026-03-31</code> or
  <code>title:garden</code> narrows the search.
</p>`;

const factsView = (facts: readonly FoundFact[]): Html =>
  html`<h2>Facts</h2>
    <ol class="hits">
      ${facts.map(
        ({ session, title, key, value }) =>
          html`<li>
            <a href="/console/sessions/${session}" dir="auto">${title ?? "Untitled"}</a>
            <bdi class="soft">${key}</bdi>
            <p dir="auto">${shortened(value, MAX_VALUE_BYTES, "…")}</p>
          </li>`,
      )}
    </ol>`;

function messagesView(hits: readonly Hit[]): Html {
  const now = Date.now();
  return html`<ol class="hits">
    ${hits.map(
      ({ session, title, seq, role, author, createdAt, snippet }) =>
        html`<li>
          <a href="/console/sessions/${session}?at=${seq}#m${seq}" dir="auto"
            >${title ?? "Untitled"}</a
          >
          <span class="soft"
            >#${seq} ${role}${author === null ? "" : `, ${author}`} · ${when(createdAt, now)}</span
          >
          <p dir="auto">${marked(snippet)}</p>
        </li>`,
    )}
  </ol>`;
}

/** The matches of a snippet stand between `**`. */
const marked = (snippet: string): Html[] =>
  snippet
    .split("**")
    .map((text, index) => (index % 2 === 1 ? html`<mark>${text}</mark>` : html`${text}`));
