// Who this browser is, where else the same principal has signed in, what it shares, and which programs it has
// connected.
import type { Hono } from "hono";
import { html } from "hono/html";
import type { ConsoleContext, ConsoleEnv, ConsoleOptions } from "../context.ts";
import { type Html, page, tokenInput, when } from "../layout.ts";
import { connectedProgramRoutes, connectedProgramsView } from "../parts/connected-programs.ts";
import { MOST_SHARES, sharesView } from "../parts/shares.ts";
import { table } from "../parts/table.ts";
import { secretOf } from "../sign-in.ts";
import { SCOPE_TEXTS } from "./keys.ts";

export function accountRoutes(
  app: Hono<ConsoleEnv>,
  { browserSessions, services, grants, authorizationServer }: ConsoleOptions,
): void {
  app.get("/account", async (c) => {
    const principal = c.get("principal");
    const { id, scope = "admin" } = principal;
    const [signIns, shares, programs] = await Promise.all([
      c.get("signedIn") ? browserSessions.list(principal, secretOf(c)) : [],
      services.sessions.shares.of(principal, MOST_SHARES),
      grants.list(id),
    ]);
    return c.html(
      page(c, {
        title: "Account",
        section: "account",
        body: html`<h1>${id}</h1>
          <p>May ${SCOPE_TEXTS[scope]}.</p>
          <h2>Sign-ins</h2>
          ${
            signIns.length === 0
              ? html`<p class="empty">
                  This server asks nobody: every browser of this machine is let in.
                </p>`
              : signInsView(c, signIns)
          }
          ${
            authorizationServer === undefined && programs.length === 0
              ? ""
              : html`<h2>Connected programs</h2>
                  ${connectedProgramsView(c, programs)}`
          }
          <h2>Shares</h2>
          ${
            shares.length === 0
              ? html`<p class="empty">
                  You share nothing, and nobody shares with you. The page of a conversation shares
                  it.
                </p>`
              : sharesView(shares, id)
          }`,
      }),
    );
  });

  connectedProgramRoutes(app, { grants });

  app.post("/account/sign-out-others", async (c) => {
    await browserSessions.signOutOthers(c.get("principal"), secretOf(c));
    return c.redirect("/console/account", 303);
  });
}

function signInsView(
  c: ConsoleContext,
  signIns: Awaited<ReturnType<ConsoleOptions["browserSessions"]["list"]>>,
): Html {
  const now = Date.now();
  return html`${table(
      "Sign-ins",
      ["Since", "With", "Until", "Browser"],
      signIns.map(({ createdAt, keyId, expiresAt, isThis }) => [
        when(createdAt, now),
        keyId === null ? "a link" : html`the key <code>${keyId}</code>`,
        when(expiresAt, now),
        isThis ? "this one" : "another one",
      ]),
    )}
    <form method="post" action="/console/account/sign-out-others">
      ${tokenInput(c)}<button class="quiet">Sign out everywhere else</button>
    </form>`;
}
