// The list of conversations: search as you type, shares that wait, and actions on several at once.
import type { Hono } from "hono";
import { html } from "hono/html";
import { may, type Principal } from "../../auth/principal.ts";
import { AppError } from "../../lib/errors.ts";
import { counted } from "../../lib/text/plural.ts";
import type { Session, SessionCounts } from "../../sessions/session.ts";
import {
  hasOldMessages,
  type ListedFacts,
  type ListPart,
  type Offer,
  type SessionPage,
} from "../../sessions/store.ts";
import type { SessionHandle } from "../../tools/session/session-handle.ts";
import {
  type ConsoleContext,
  type ConsoleEnv,
  type ConsoleOptions,
  logFailed,
  readSession,
  sessionToChange,
} from "../context.ts";
import { day, type Html, page, tokenInput, when } from "../layout.ts";
import { download } from "../parts/download.ts";
import { titleOf } from "../parts/names.ts";
import { searchField, showsResults } from "../parts/search-field.ts";

const PAGE = 50;
/** What the list can be limited to. */
const PARTS: readonly { part: ListPart; text: string }[] = [
  { part: "own", text: "mine" },
  { part: "shared", text: "shared with me" },
  { part: "pinned", text: "pinned" },
];
/** Sessions that one form may change. */
const MAX_CHOSEN = 500;

type Listed = Session & SessionCounts & ListedFacts;

export function sessionListRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  const { sessions } = options.services;

  app.get("/sessions", async (c) => {
    const principal = c.get("principal");
    const query = c.req.query("q") ?? "";
    const cursor = c.req.query("cursor");
    const only = PARTS.find(({ part }) => part === c.req.query("only"))?.part;
    const [found, offers] = await Promise.all([
      sessions.list(principal, {
        ...{ query, byId: true, only, limit: PAGE },
        ...(cursor && { cursor }),
      }),
      sessions.shares.offers(principal),
    ]);
    const any = found.sessions.length > 0 || (await sessions.total(principal)) > 0;
    const view = { found, offers, any, query, only, isMore: cursor !== undefined };
    return c.html(
      page(c, {
        title: "Sessions",
        section: "sessions",
        body: listView(c, options, view),
      }),
    );
  });

  app.post("/sessions", async (c) => {
    const form = await c.req.formData();
    const ids = [...new Set(form.getAll("id").map(String))];
    if (ids.length === 0) throw new AppError("invalid", "Choose at least one conversation.");
    if (ids.length > MAX_CHOSEN)
      throw new AppError("limit", `At most ${MAX_CHOSEN} conversations at once.`);
    const principal = c.get("principal");
    if (form.get("do") === "export") {
      const chosen = await Promise.all(ids.map((id) => readSession(options, principal, id)));
      const texts = exportAll(options, principal, chosen);
      return download(c, {
        ...{ title: "conversations", ending: "jsonl", texts },
        onError: (error) => logFailed(options, error),
      });
    }
    for (const id of ids) {
      await act(form.get("do"), await sessionToChange(options, principal, id));
    }
    return c.redirect("/console/sessions", 303);
  });

  app.post("/offers/:id", async (c) => {
    const { do: wanted } = await c.req.parseBody();
    const principal = c.get("principal");
    const id = c.req.param("id");
    if (wanted === "accept") await sessions.shares.accept(principal, id);
    else await sessions.shares.leave(principal, id);
    return c.redirect("/console/sessions", 303);
  });
}

/** One file with all of them, as an import takes it. */
async function* exportAll(
  { transfer }: ConsoleOptions,
  by: Principal,
  chosen: readonly Session[],
): AsyncGenerator<string> {
  for (const session of chosen) yield* transfer.export(session, "jsonl", { by });
}

function act(wanted: unknown, handle: SessionHandle): Promise<unknown> {
  if (wanted === "pin") return handle.update({ pinned: true });
  if (wanted === "unpin") return handle.update({ pinned: false });
  if (wanted === "delete") return handle.delete();
  throw new AppError("invalid", "The form names no action.");
}

interface ListView {
  found: SessionPage;
  offers: readonly Offer[];
  /** True if there are conversations, though perhaps none that was looked for. */
  any: boolean;
  query: string;
  only: ListPart | undefined;
  /** True on the pages after the first. */
  isMore: boolean;
}

function listView(c: ConsoleContext, options: ConsoleOptions, view: ListView): Html {
  const { found, offers, query, only } = view;
  const now = Date.now();
  return html`<h1>Sessions</h1>
    ${offers.length > 0 ? offersView(c, offers) : ""}
    ${searchField({
      label: "Find by name, title or id",
      ...{ action: "/console/sessions", query, results: "list" },
      more: partChoice(only),
    })}
    <div id="list">
      ${
        found.sessions.length === 0
          ? emptyView(view)
          : html`<form method="post" action="/console/sessions" data-choice>
              ${tokenInput(c)}
              <ul class="sessions">
                ${found.sessions.map((session) => itemView(options, session, now))}
              </ul>
              ${moreLink(view)}
              <div class="actions bar">
                <output class="soft"></output>
                <button class="quiet" name="do" value="export">Export the chosen</button>
                ${may(c.get("principal"), "write") ? actions : ""}
              </div>
            </form>`
      }
    </div>`;
}

const actions = html`<button class="quiet" name="do" value="pin">Pin them</button>
  <button class="quiet" name="do" value="unpin">Unpin them</button>
  <button
    name="do"
    value="delete"
    class="danger"
    data-confirm="Delete for good, with all messages and state?"
  >
    Delete them
  </button>`;

function itemView({ services }: ConsoleOptions, session: Listed, now: number): Html {
  const { id, owner, access, lastActiveAt, pinned, program, shares, connections } = session;
  const expiresAt = services.sessions.expiresAt(session);
  const facts = [
    counted(session.messages, "message"),
    ...(session.stateKeys > 0 ? [counted(session.stateKeys, "state key")] : []),
    ...(program === null ? [] : [`last by ${program}`]),
    ...(connections > 0 ? [`${connections} connected`] : []),
    ...(access === undefined || access === "own"
      ? shares > 0
        ? [`shared with ${shares}`]
        : []
      : [`of ${owner}, ${access === "read" ? "to read" : "to read and change"}`]),
  ];
  return html`<li>
    <input
      type="checkbox"
      name="id"
      value="${id}"
      aria-label="Choose ${titleOf(session, session.opening)}"
    />
    <a href="/console/sessions/${id}" dir="auto">${titleOf(session, session.opening)}</a>
    ${session.name !== null && session.title !== null ? html`<code>${session.name}</code>` : ""}
    ${pinned ? html`<span class="tag">pinned</span>` : ""}
    ${session.lastLine === null ? "" : html`<span class="soft last" dir="auto">${session.lastLine}</span>`}
    <span class="soft facts">${facts.join(" · ")}</span>
    <span class="soft times">
      ${when(lastActiveAt, now)}
      ${hasOldMessages(session) ? html` · last message ${day(session.lastMessageAt!)}` : ""}
      ${expiresAt === null ? "" : html` · goes ${when(expiresAt, now)}`}
    </span>
  </li>`;
}

const partChoice = (only: ListPart | undefined): Html =>
  html`<label
    >Show
    <select name="only" hx-trigger="change" ${showsResults("/console/sessions", "list")}>
      <option value="">all</option>
      ${PARTS.map(
        ({ part, text }) =>
          html`<option value="${part}" ${part === only ? "selected" : ""}>${text}</option>`,
      )}
    </select></label
  >`;

const moreLink = ({ found: { nextCursor: cursor }, query, only }: ListView): Html | "" =>
  cursor === undefined
    ? ""
    : html`<p>
        <a
          rel="next"
          href="/console/sessions?${new URLSearchParams({ q: query, only: only ?? "", cursor }).toString()}"
          >Older ones</a
        >
      </p>`;

function emptyView({ any, query, only, isMore }: ListView): Html {
  if (only !== undefined && query === "") return html`<p class="empty">${NONE_OF[only]}</p>`;
  if (isMore) return html`<p class="empty">There are no older ones.</p>`;
  if (any && query !== "")
    return html`<p class="empty">
      No name or title has that.
      <a href="/console/search?${new URLSearchParams({ q: query }).toString()}"
        >Search the messages for it</a
      >.
    </p>`;
  return html`<p class="empty">
    Nothing is stored yet. <a href="/console/connect">Connect a program</a>, and tell it something
    worth keeping.
  </p>`;
}

const NONE_OF: Readonly<Record<ListPart, string>> = {
  own: "You have no conversation of your own.",
  shared: "Nobody shares a conversation with you.",
  pinned: "You have pinned none. A pinned conversation is kept whatever its age.",
};

const offersView = (c: ConsoleContext, offers: readonly Offer[]): Html =>
  html`<section class="offers" aria-label="Shares that wait for you">
    ${offers.map(
      ({ session, owner, access }) =>
        html`<form method="post" action="/console/offers/${session}" class="card">
          ${tokenInput(c)}
          <p>
            <b>${owner}</b> wants to share a conversation with you, to
            ${access === "read" ? "read" : "read and change"}.
          </p>
          <button name="do" value="accept">Accept</button>
          <button name="do" value="leave" class="quiet">Refuse</button>
        </form>`,
    )}
  </section>`;
