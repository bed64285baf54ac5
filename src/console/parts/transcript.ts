// The messages of a conversation, and what is added to them while the page is open.
import { html } from "hono/html";
import { byOther, type Message } from "../../chat/message.ts";
import type { MessagePage } from "../../chat/store.ts";
import type { Session } from "../../sessions/session.ts";
import { type ConsoleContext, isChangeable } from "../context.ts";
import { type Html, tokenInput, when } from "../layout.ts";
import { markdown, type RenderMarkdown } from "./markdown.ts";

/** `isLatest`: the page ends with the newest message, so that further ones belong to its end. */
export async function transcript(
  c: ConsoleContext,
  session: Session,
  { messages, nextBefore }: MessagePage,
  { isLatest, now, partial }: { isLatest: boolean; now: number; partial: string },
): Promise<Html> {
  const render = await markdown();
  const here = `/console/sessions/${session.id}`;
  const empty =
    messages.length === 0
      ? html`<p class="empty">No messages yet. They appear here while a program writes them.</p>`
      : "";
  return html`${
      nextBefore === undefined
        ? ""
        : html`<p><a rel="prev" href="${here}?before=${nextBefore}">Earlier messages</a></p>`
    }
    ${empty}
    <div id="messages" aria-live="polite">
      ${messages.map((message) => messageView(c, session, message, render, now))}
      ${isLatest ? tail(c, session, messages.at(-1), render, partial) : ""}
    </div>
    ${isLatest ? "" : html`<p><a href="${here}">To the newest messages</a></p>`}`;
}

/** What a page gets that has shown the messages up to `seq`. */
export async function updates(
  c: ConsoleContext,
  session: Session,
  {
    added,
    changed,
    seq,
    partial,
  }: { added: readonly Message[]; changed: readonly Message[]; seq: number; partial: string },
  last: Message | undefined,
): Promise<Html> {
  const render = await markdown();
  const now = Date.now();
  return html`${added.map((message) => messageView(c, session, message, render, now))}
  ${tail(c, session, added.at(-1) ?? changed.at(-1) ?? last ?? { seq, status: "complete" }, render, partial)}
  ${changed.map((message) => messageView(c, session, message, render, now, true))}`;
}

/** Asks for what has come since the last message, and shows the answer that is being written. */
function tail(
  c: ConsoleContext,
  { id }: Session,
  last: Pick<Message, "seq" | "status"> | undefined,
  render: RenderMarkdown,
  partial: string,
): Html {
  const { seq, status } = last ?? { seq: 0, status: "complete" };
  const query = new URLSearchParams({ status, have: `${partial.length}` }).toString();
  const isPending = status === "pending";
  return html`<div
    hx-get="/console/sessions/${id}/since/${seq}?${query}"
    data-live="session/${id}"
    hx-trigger="live"
    hx-swap="outerHTML settle:0ms"
  >
    ${
      isPending
        ? html`<article class="message assistant pending" aria-busy="true">
            <header><b>assistant</b> <span class="soft">is writing</span></header>
            <div class="text">${render(partial)}</div>
            <form method="post" action="/console/sessions/${id}/stop">
              ${tokenInput(c)}<button id="stop-answer" class="quiet">Stop</button>
            </form>
          </article>`
        : ""
    }
  </div>`;
}

const NOTES = {
  pending: "is being answered",
  failed: "was not answered: the model failed",
  interrupted: "was not answered: it was interrupted",
} as const;

function messageView(
  c: ConsoleContext,
  session: Session,
  message: Message,
  render: RenderMarkdown,
  now: number,
  replaces = false,
): Html {
  const { seq, role, status, model, inputTokens, outputTokens, createdAt } = message;
  const tokens =
    inputTokens === null && outputTokens === null
      ? undefined
      : `${inputTokens ?? "?"} + ${outputTokens ?? "?"} tokens`;
  const notes = [byOther(message, session.owner), model, tokens].filter(Boolean).join(", ");
  const mayChange = isChangeable(c, session);
  return html`<article
    id="m${seq}"
    class="message ${role} ${status}"
    ${replaces ? html`hx-swap-oob="true"` : ""}
  >
    <header>
      <b>${role}</b>
      <a
        href="/console/sessions/${session.id}?at=${seq}#m${seq}"
        aria-label="Link to message ${seq}"
        >#${seq}</a
      >
      <span class="soft">${notes}</span>
      <span class="soft">${when(createdAt, now)}</span>
      ${
        mayChange
          ? html`<form
              method="post"
              action="/console/sessions/${session.id}/messages/${seq}/delete"
            >
              ${tokenInput(c)}
              <button
                class="quiet"
                aria-label="Delete message ${seq}"
                data-confirm="Delete message #${seq}?"
              >
                Delete
              </button>
            </form>`
          : ""
      }
    </header>
    <div class="text">${render(message.content)}</div>
    ${status === "complete" ? "" : html`<p class="note">This question ${NOTES[status]}.</p>`}
    ${
      mayChange && (status === "failed" || status === "interrupted")
        ? html`<form method="post" action="/console/sessions/${session.id}/retry">
            ${tokenInput(c)}<button class="quiet">Ask again</button>
          </form>`
        : ""
    }
  </article>`;
}

/** Goes on with the conversation. `model`: who answers. */
export const askForm = (c: ConsoleContext, { id }: Session, model: string): Html =>
  html`<form method="post" action="/console/sessions/${id}/ask" class="card" id="ask">
    ${tokenInput(c)}
    <label
      >Go on
      <textarea name="prompt" rows="3" required dir="auto"></textarea>
    </label>
    <button>Ask</button> <span class="soft">${model} answers</span>
  </form>`;
