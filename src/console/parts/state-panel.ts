// The state of a conversation: its keys and values, each with a form that changes it if nobody else has.
import { html, raw } from "hono/html";
import { parseExactly } from "../../lib/json/exact-numbers.ts";
import type { Session } from "../../sessions/session.ts";
import type { StateEntry, StatePage } from "../../state/store.ts";
import { type ConsoleContext, isChangeable } from "../context.ts";
import { type Html, tokenInput } from "../layout.ts";

export function statePanel(
  c: ConsoleContext,
  session: Session,
  { entries, nextAfter }: StatePage,
): Html {
  const mayChange = isChangeable(c, session);
  const more = new URLSearchParams({ after: nextAfter ?? "" }).toString();
  return html`<section aria-label="State">
    <h2>State</h2>
    ${entries.length === 0 ? html`<p class="empty">No keys.</p>` : ""}
    ${entries.map((entry) => entryView(c, session, entry, mayChange))}
    ${
      nextAfter === undefined
        ? ""
        : html`<p><a href="/console/sessions/${session.id}?${raw(more)}">Further keys</a></p>`
    }
    ${
      mayChange
        ? html`<details>
            <summary>Add a key</summary>
            <form method="post" action="/console/sessions/${session.id}/state">
              ${tokenInput(c)}
              <input type="hidden" name="version" value="0" />
              <label>Key <input name="key" required autocomplete="off" /></label>
              <label
                >Value, as JSON <textarea name="value" rows="3" required data-json></textarea>
              </label>
              <button>Store</button>
            </form>
          </details>`
        : ""
    }
  </section>`;
}

function entryView(
  c: ConsoleContext,
  { id }: Session,
  { key, value, version }: StateEntry,
  mayChange: boolean,
): Html {
  const text = indented(value);
  return html`<details class="key">
    <summary><code>${key}</code> <span class="soft">version ${version}</span></summary>
    ${
      mayChange
        ? html`<form method="post" action="/console/sessions/${id}/state">
            ${tokenInput(c)}
            <input type="hidden" name="key" value="${key}" />
            <input type="hidden" name="version" value="${version}" />
            <label>
              <span class="hidden">Value of ${key}</span>
              <textarea
                name="value"
                rows="${Math.min(16, text.split("\n").length + 1)}"
                spellcheck="false"
                data-json
              >
${text}</textarea>
            </label>
            <button>Store</button>
            <button
              name="do"
              value="delete"
              formnovalidate
              class="danger"
              data-confirm="Delete the key ${key}?"
            >
              Delete
            </button>
          </form>`
        : html`<pre>${text}</pre>`
    }
  </details>`;
}

/** Longer values stay on one line, as they are stored. */
const MAX_INDENTED = 100_000;

/** JSON on several lines. Numbers stay as they were written, which parsing would change. */
function indented(json: string): string {
  if (json.length > MAX_INDENTED) return json;
  return JSON.stringify(parseExactly(json), undefined, 2);
}
