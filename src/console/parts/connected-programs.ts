// The programs that a person has allowed to use the own conversations, and an end to that.
import type { Hono } from "hono";
import { html } from "hono/html";
import type { OAuthGrant } from "../../oauth/store.ts";
import type { ConsoleContext, ConsoleEnv, ConsoleOptions } from "../context.ts";
import { type Html, tokenInput, when } from "../layout.ts";
import { table } from "./table.ts";

export function connectedProgramRoutes(
  app: Hono<ConsoleEnv>,
  { grants }: Pick<ConsoleOptions, "grants">,
): void {
  app.post("/account/programs/:id/disconnect", async (c) => {
    await grants.disconnect(c.req.param("id"), c.get("principal"));
    return c.redirect("/console/account", 303);
  });
}

export function connectedProgramsView(c: ConsoleContext, programs: readonly OAuthGrant[]): Html {
  if (programs.length === 0)
    return html`<p class="empty">
      None. A program that you add by this server's address asks you here for permission.
    </p>`;
  const now = Date.now();
  return table(
    "Connected programs",
    ["Program", "Goes to", "May", "Since", "Renewed", ""],
    programs.map(({ id, clientName, redirectHost, scope, createdAt, lastUsedAt }) => [
      clientName,
      redirectHost,
      scope.includes("write") ? "read and change" : "read",
      when(createdAt, now),
      when(lastUsedAt, now),
      html`<form method="post" action="/console/account/programs/${id}/disconnect">
        ${tokenInput(c)}
        <button
          class="danger"
          aria-label="Disconnect ${clientName}"
          data-confirm="Disconnect ${clientName}? It must ask again to use your conversations."
        >
          Disconnect
        </button>
      </form>`,
    ]),
  );
}
