// Who this browser is, where else the same principal has signed in, its passkeys, what it shares, and which programs it has
// connected.
import type { Hono } from "hono";
import { html } from "hono/html";
import { type ConsoleContext, type ConsoleEnv, type ConsoleOptions, siteOf } from "../context.ts";
import { type Html, page, tokenInput, when } from "../layout.ts";
import { connectedProgramRoutes, connectedProgramsView } from "../parts/connected-programs.ts";
import { passkeyRoutes, passkeysView } from "../parts/passkeys.ts";
import { MOST_SHARES, sharesView } from "../parts/shares.ts";
import { table } from "../parts/table.ts";
import { PASSKEY_SCRIPTS, secretOf } from "../sign-in.ts";
import { SCOPE_TEXTS } from "./keys.ts";

export function accountRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  const { browserSessions, passkeys, services, grants, authorizationServer } = options;
  app.get("/account", async (c) => {
    const principal = c.get("principal");
    const { id, scope = "admin" } = principal;
    const site = c.get("signedIn") ? siteOf(c, options) : undefined;
    const [signIns, mine, shares, programs] = await Promise.all([
      c.get("signedIn") ? browserSessions.list(principal, secretOf(c)) : [],
      c.get("signedIn") ? passkeys.list(id) : [],
      services.sessions.shares.of(principal, MOST_SHARES),
      grants.list(id),
    ]);
    return c.html(
      page(c, {
        title: "Account",
        section: "account",
        scripts: site && PASSKEY_SCRIPTS,
        body: html`<h1>${id}</h1>
          <p>May ${SCOPE_TEXTS[scope]}.</p>
          <h2>Sign-ins</h2>
          ${
            signIns.length === 0
              ? html`<p class="empty">
                  This server asks nobody: every browser of this machine is let in.
                </p>`
              : html`${signInsView(c, signIns)}
                  <h2 id="passkeys">Passkeys</h2>
                  ${passkeysView(c, mine, site)}`
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

  passkeyRoutes(app, options);
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
      signIns.map(({ createdAt, keyId, passkeyId, expiresAt, isThis }) => [
        when(createdAt, now),
        passkeyId !== null
          ? "a passkey"
          : keyId === null
            ? "a link"
            : html`the key <code>${keyId}</code>`,
        when(expiresAt, now),
        isThis ? "this one" : "another one",
      ]),
    )}
    <form method="post" action="/console/account/sign-out-others">
      ${tokenInput(c)}<button class="quiet">Sign out everywhere else</button>
    </form>`;
}
