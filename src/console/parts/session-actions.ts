// What can be done with a conversation as a whole.
import { html } from "hono/html";
import { may } from "../../auth/principal.ts";
import type { Session } from "../../sessions/session.ts";
import type { Grant } from "../../sessions/store.ts";
import { type ConsoleContext, isChangeable } from "../context.ts";
import { type Html, tokenInput } from "../layout.ts";

export function sessionActions(
  c: ConsoleContext,
  session: Session,
  grants: readonly Grant[],
): Html {
  const here = `/console/sessions/${session.id}`;
  const { access = "own" } = session;
  const mayChange = isChangeable(c, session);
  const system = `\n${session.system ?? ""}`; // a text area loses the first line break
  const form = (action: string, body: Html): Html =>
    html`<form method="post" action="${here}/${action}">${tokenInput(c)} ${body}</form>`;
  return html`<section aria-label="Actions" class="tools">
    <p>
      <a href="${here}/export?format=markdown" download>Export as Markdown</a> ·
      <a href="${here}/export?format=jsonl" download>JSON Lines</a>
    </p>
    ${
      may(c.get("principal"), "write")
        ? form(
            "fork",
            html`<button class="quiet">Fork</button> <span class="soft">a copy of your own</span>`,
          )
        : ""
    }
    ${
      mayChange
        ? html`${form(
              "pin",
              html`<button class="quiet" name="pinned" value="${session.pinned ? "no" : "yes"}">
                  ${session.pinned ? "Unpin" : "Pin"}
                </button>
                <span class="soft"
                  >${session.pinned ? "it never expires" : "so that it never expires"}</span
                >`,
            )}
            <details>
              <summary>Rename</summary>
              ${form(
                "rename",
                html`<label
                    >Title <input name="title" value="${session.title ?? ""}" dir="auto"
                  /></label>
                  <label
                    >Name <input name="name" value="${session.name ?? ""}" autocomplete="off"
                  /></label>
                  <label
                    >System prompt
                    <textarea name="system" rows="4" dir="auto">${system}</textarea>
                  </label>
                  <button>Store</button>`,
              )}
            </details>
            <details>
              <summary>Empty or delete</summary>
              ${form(
                "clear",
                html`<button
                    name="what"
                    value="history"
                    class="danger"
                    data-confirm="Delete all messages?"
                  >
                    Delete all messages
                  </button>
                  <button name="what" value="state" class="danger" data-confirm="Delete all state?">
                    Delete all state
                  </button>`,
              )}
              ${
                access === "own"
                  ? form(
                      "delete",
                      html`<button
                        class="danger"
                        data-confirm="Delete this conversation with all that is in it?"
                      >
                        Delete the conversation
                      </button>`,
                    )
                  : ""
              }
            </details>`
        : ""
    }
    ${access === "own" && mayChange ? sharing(form, grants) : ""}
    ${
      access === "own"
        ? ""
        : html`<form method="post" action="/console/offers/${session.id}">
            ${tokenInput(c)}<button name="do" value="leave">Leave this share</button>
          </form>`
    }
  </section>`;
}

const sharing = (form: (action: string, body: Html) => Html, grants: readonly Grant[]): Html =>
  html`<details ${grants.length > 0 ? "open" : ""}>
    <summary>Share</summary>
    ${grants.map(({ principal, access, pending }) =>
      form(
        "unshare",
        html`<input type="hidden" name="principal" value="${principal}" />
          <b>${principal}</b> ${access === "read" ? "reads" : "reads and changes"}${
            pending ? ", once it is accepted" : ""
          } <button class="quiet">End</button>`,
      ),
    )}
    ${form(
      "share",
      html`<label>With <input name="principal" required autocomplete="off" /></label>
        <label
          >To
          <select name="access">
            <option value="read">read</option>
            <option value="write">read and change</option>
          </select></label
        >
        <button>Share</button>`,
    )}
  </details>`;
