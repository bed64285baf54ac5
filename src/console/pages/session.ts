// One conversation: its transcript, which grows while a program writes, and its state.
import type { Hono } from "hono";
import { html } from "hono/html";
import type { Principal } from "../../auth/principal.ts";
import type { Message } from "../../chat/message.ts";
import type { AppError } from "../../lib/errors.ts";
import { counted } from "../../lib/text/plural.ts";
import type { Session } from "../../sessions/session.ts";
import {
  type ConsoleContext,
  type ConsoleEnv,
  type ConsoleOptions,
  handleOf,
  isChangeable,
  readSession,
} from "../context.ts";
import { type Html, page, when } from "../layout.ts";
import { titleOf } from "../parts/names.ts";
import { sessionActions } from "../parts/session-actions.ts";
import { statePanel } from "../parts/state-panel.ts";
import { askForm, transcript, updates } from "../parts/transcript.ts";

/** Messages on a page. */
const PAGE = 50;
/** Messages shown after the one that a link leads to. */
const AFTER = 10;

export function sessionRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  app.get("/sessions/:id", async (c) => {
    // A form cannot name the place on the page that it leads to.
    const seq = numberOf(c.req.query("to"));
    if (seq !== undefined)
      return c.redirect(`/console/sessions/${c.req.param("id")}?at=${seq}#m${seq}`, 303);
    return sessionPage(c, options);
  });

  // What has come since the page was made, for its end. Nothing new is 204.
  app.get("/sessions/:id/since/:seq", async (c) => {
    const session = await readSession(options, c.get("principal"), c.req.param("id"));
    const seq = Number(c.req.param("seq"));
    const status = c.req.query("status");
    const { messages } = await options.services.chat.page(session.id, { limit: PAGE });
    const partial = options.talks.partial(session.id);
    const last = messages.find((message) => message.seq === seq);
    const added = messages.filter((message) => message.seq > seq);
    const changed = last !== undefined && last.status !== status ? [last] : [];
    const isGrowing = last?.status === "pending" && `${partial.length}` !== c.req.query("have");
    // The message was deleted, or is too far back: show the whole page anew.
    if (seq > 0 && last === undefined) {
      c.header("hx-refresh", "true");
      return c.body(null, 200);
    }
    if (added.length === 0 && changed.length === 0 && !isGrowing) return c.body(null, 204);
    return c.html(await updates(c, session, { added, changed, seq, partial }, last));
  });
}

/** Tells when `since` has more to show. See live/route.ts. */
export async function sessionRevision(
  options: ConsoleOptions,
  principal: Principal,
  [id = ""]: readonly string[],
): Promise<string> {
  const session = await readSession(options, principal, id);
  const { messages } = await options.services.chat.page(session.id, { limit: 1 });
  const [last] = messages;
  return `${last?.seq} ${last?.status} ${options.talks.partial(session.id).length}`;
}

/** The page of the session that the address names. `fault`: of the action that the form wanted. */
export async function sessionPage(
  c: ConsoleContext,
  options: ConsoleOptions,
  fault?: AppError,
): Promise<Response> {
  const { services } = options;
  const principal = c.get("principal");
  const session = await readSession(options, principal, c.req.param("id")!);
  const handle = handleOf(options, principal, session);
  const at = numberOf(c.req.query("at"));
  const before = at === undefined ? numberOf(c.req.query("before")) : at + AFTER;
  const [history, state, counts, summary, grants] = await Promise.all([
    services.chat.page(session.id, { limit: PAGE, ...(before && { before }) }),
    services.state.list(session.id, { limit: PAGE, after: c.req.query("after") ?? "" }),
    services.sessions.counts(session.id),
    handle.summary(),
    session.access === "own" ? handle.grants() : [],
  ]);
  const now = Date.now();
  const expiresAt = services.sessions.expiresAt({ ...session, ...counts });
  const isLatest = before === undefined || !(await hasAfter(options, session, history.messages));
  const mayWrite = isChangeable(c, session);
  const title = titleOf(session, await openingOf(options, principal, session));
  return c.html(
    page(c, {
      title,
      section: "sessions",
      fault: fault?.advice,
      body: html`<div class="head">
          <h1 dir="auto">${title}</h1>
          <p class="soft">
            ${session.name === null ? "" : html`<code>${session.name}</code> · `}
            ${counted(counts.messages, "message")}, ${counted(counts.stateKeys, "state key")} ·
            ${counts.connections > 0 ? html`${counts.connections} connected · ` : ""}
            ${session.access === "own" || session.access === undefined ? "" : `of ${session.owner} · `}
            used ${when(session.lastActiveAt, now)} ·
            ${expiresAt === null ? "kept until deleted" : html`goes ${when(expiresAt, now)}`}
          </p>
        </div>
        <div class="columns">
          <section aria-label="Conversation">
            ${history.messages.length === 0 ? "" : findInside(session)}
            ${
              summary === undefined
                ? ""
                : html`<details class="card">
                    <summary>Summary up to #${summary.uptoSeq}</summary>
                    <p dir="auto">${summary.content}</p>
                  </details>`
            }
            ${await transcript(c, session, history, {
              ...{ isLatest, now, partial: options.talks.partial(session.id) },
            })}
            ${isLatest && mayWrite ? askForm(c, session, services.chat.model.label) : ""}
          </section>
          <aside>${sessionActions(c, session, grants)} ${statePanel(c, session, state)}</aside>
        </div>`,
    }),
    fault === undefined ? 200 : statusOf(fault),
  );
}

/** The opening that lists show in place of a title, wherever the page begins. */
async function openingOf(
  { services }: ConsoleOptions,
  principal: Principal,
  { id, title, name }: Session,
): Promise<string | null> {
  if (title !== null || name !== null) return null;
  const { sessions } = await services.sessions.list(principal, { query: id, byId: true, limit: 1 });
  return sessions.find((listed) => listed.id === id)?.opening ?? null;
}

/** Words or a number lead to a place in the conversation. */
const findInside = ({ id }: Session): Html =>
  html`<div class="inside">
    <form role="search" action="/console/search">
      <input type="hidden" name="session" value="${id}" />
      <input type="search" name="q" aria-label="Find inside" placeholder="Find inside" dir="auto" />
    </form>
    <form action="/console/sessions/${id}">
      <input name="to" inputmode="numeric" aria-label="Message number" placeholder="#" />
    </form>
  </div>`;

async function hasAfter(
  { services }: ConsoleOptions,
  { id }: Session,
  messages: readonly Message[],
): Promise<boolean> {
  const newest = await services.chat.page(id, { limit: 1 });
  return (newest.messages[0]?.seq ?? 0) > (messages.at(-1)?.seq ?? 0);
}

/** A number above 0; undefined for anything else. */
export const numberOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^[1-9]\d{0,12}$/.test(text) ? Number(text) : undefined;

const STATUSES = { conflict: 409, forbidden: 403, not_found: 404, limit: 429, busy: 503 } as const;

const statusOf = ({ code }: AppError): 400 | 403 | 404 | 409 | 429 | 503 =>
  code in STATUSES ? STATUSES[code as keyof typeof STATUSES] : 400;
