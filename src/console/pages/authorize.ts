// The page on which a person allows a program what it asks for (OAuth 2.1). The console's sign-in says who that is.
import type { ServerResponse } from "node:http";
import type { Hono } from "hono";
import { html } from "hono/html";
import { highestScope, includes, type Principal, type Scope } from "../../auth/principal.ts";
import { AppError } from "../../lib/errors.ts";
import {
  type AuthorizationRequest,
  grantableBy,
  hostOf,
} from "../../oauth/authorization-server.ts";
import type { Grants } from "../../oauth/grants.ts";
import type { OAuthGrant } from "../../oauth/store.ts";
import type { ConsoleContext, ConsoleEnv, ConsoleOptions } from "../context.ts";
import { barePage, type Html, tokenInput, when } from "../layout.ts";
import { safeHeaders } from "../parts/safe-headers.ts";
import { hasSession, HOME, signOut } from "../sign-in.ts";

/** Parameter of an address that this server's own page has led to. */
const HERE = "here";

/**
 * Lead a browser that comes from another site here once more: browsers send the console's cookie only when a page of this
 * server has led to it.
 */
export function arrivalRoutes(app: Hono<ConsoleEnv>): void {
  app.get("/authorize/:id", (c, next) => {
    if (hasSession(c) || c.req.query(HERE) !== undefined) return next();
    return Promise.resolve(goOn(c, `${new URL(c.req.url).pathname}?${HERE}=1`));
  });
}

/**
 * Lead a browser on by a page, which begins a new navigation. A redirect would belong to the form or the link before it:
 * browsers then leave out the console's cookie, and hold the client's address against the form's policy.
 */
function goOn(c: ConsoleContext, address: string) {
  c.header("refresh", `0; url=${address}`);
  return c.html(barePage("Sign in", html`<p><a href="${address}">Go on</a></p>`));
}

export function authorizeRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  const { authorizationServer: server, grants } = options;
  if (server === undefined) return;

  app.get("/authorize/:id", async (c) => {
    const { incoming, outgoing } = c.env;
    const request = await server.request(incoming, outgoing);
    const by = c.get("principal");
    const before = await allowedBefore(grants, by, request);
    const scopes = remembered(request, { by, before });
    if (scopes !== undefined)
      return goOn(c, await server.allow(incoming, outgoing, { by, scopes }));
    return c.html(consentPage(c, request, before));
  });

  app.post("/authorize/:id", async (c) => {
    const { incoming, outgoing } = c.env;
    const form = await c.req.formData();
    const by = c.get("principal");
    const scopes = includedIn(form.getAll("scope").map(String));
    const returnTo =
      form.get("decision") === "allow"
        ? await server.allow(incoming, outgoing, { by, scopes })
        : await server.deny(incoming, outgoing);
    return goOn(c, returnTo);
  });

  app.post("/authorize/:id/other", async (c) => {
    await signOut(c, options);
    const back = `${HOME}/authorize/${encodeURIComponent(c.req.param("id"))}?${HERE}=1`;
    return c.redirect(`${HOME}/sign-in?next=${encodeURIComponent(back)}`, 303);
  });
}

/** The newest grant of this person to the same client, which sends the browser to the same place. */
async function allowedBefore(
  grants: Grants,
  by: Principal,
  { clientId, redirectUri }: AuthorizationRequest,
): Promise<OAuthGrant | undefined> {
  const mine = await grants.list(by.id);
  return mine
    .filter((grant) => grant.clientId === clientId && grant.redirectHost === hostOf(redirectUri))
    .toSorted((a, b) => b.createdAt - a.createdAt)[0];
}

/**
 * The scopes that need no question: the person has allowed them before, can still do so, and the code can reach nobody but
 * the client that registered here. Any program can listen on this machine's ports or take a scheme for its own, and a client
 * with a document can change it: there a person is always asked.
 */
function remembered(
  { scopes, asksAgain, isDocumented, redirectUri }: AuthorizationRequest,
  { by, before }: { by: Principal; before: OAuthGrant | undefined },
): string[] | undefined {
  if (before === undefined || asksAgain || isDocumented) return undefined;
  if (redirectUri.protocol !== "https:") return undefined;
  const mine = grantableBy(by);
  const allowed = before.scope.split(" ").filter((scope) => mine.includes(scope));
  return scopes.every((scope) => allowed.includes(scope)) ? scopes : undefined;
}

const TEXTS: Readonly<Record<string, string>> = {
  read: "Read your conversations and facts",
  write: "Read and change them",
};

/** All scopes that the highest of these includes. */
function includedIn(names: readonly string[]): string[] {
  const highest = highestScope(names.filter((name) => name in TEXTS));
  return Object.keys(TEXTS).filter((name) => highest && includes(highest, name as Scope));
}

function consentPage(
  c: ConsoleContext,
  request: AuthorizationRequest,
  before: OAuthGrant | undefined,
): Html {
  const { clientName, redirectUri } = request;
  const by = c.get("principal");
  const mine = grantableBy(by);
  const scopes = request.scopes.filter((scope) => mine.includes(scope));
  if (scopes.length === 0)
    throw new AppError("forbidden", "This sign-in may not read conversations.", {
      hint: "Sign in with another key.",
    });
  const chosen = before?.scope.split(" ").findLast((scope) => scopes.includes(scope));
  const action = `${HOME}/authorize/${encodeURIComponent(c.req.param("id") ?? "")}`;
  return barePage(
    "Allow this program?",
    html`<div class="card consent">
      <p><b>${clientName}</b> ${whoText(request)} wants to use your conversations here.</p>
      <p>
        Afterwards your browser goes to <b>${hostOf(redirectUri)}</b>${
          isLocal(redirectUri) ? ", a program on your computer" : ""
        }.
      </p>
      ${before && html`<p class="soft">You allowed this ${when(before.createdAt, Date.now())}.</p>`}
      <form method="post" action="${action}">
        ${tokenInput(c)}
        <fieldset>
          <legend>It may</legend>
          ${scopes.map(
            (scope) =>
              html`<label
                ><input
                  type="radio"
                  name="scope"
                  value="${scope}"
                  required
                  ${scope === (chosen ?? scopes.at(-1)) ? "checked" : ""}
                />
                ${TEXTS[scope]}</label
              >`,
          )}
        </fieldset>
        <p>As <b>${by.id}</b>, until you revoke it under Account.</p>
        <button name="decision" value="allow">Allow</button>
        <button name="decision" value="deny" class="quiet">Do not allow</button>
      </form>
      ${
        c.get("signedIn")
          ? html`<form method="post" action="${action}/other">
              ${tokenInput(c)}<button class="quiet">Sign in with another key</button>
            </form>`
          : ""
      }
    </div>`,
  );
}

/** What is known about the client: the host of its document is proved, all else is what it says of itself. */
const whoText = ({ clientId, isDocumented }: AuthorizationRequest): Html =>
  isDocumented
    ? html`of <b>${new URL(clientId).host}</b>`
    : html`<span class="soft">(as it calls itself; nobody has checked that)</span>`;

const isLocal = ({ protocol }: URL): boolean => protocol !== "https:";

/** Answer an authorization request that is wrong. `back`: where its client hears of that, if it is known. */
export async function refusedPage(
  response: ServerResponse,
  reason: string,
  back?: URL,
): Promise<void> {
  const body = html`<div class="card">
    <p>The program's request to sign in cannot be answered: ${reason.replace(/\.$/, "")}.</p>
    <p>
      Begin again in that program. If it says the same, remove this server there and add it again.
    </p>
    ${back && html`<p><a href="${back.href}" rel="noreferrer">Tell ${hostOf(back)}</a></p>`}
  </div>`;
  const headers = { ...safeHeaders(), "cache-control": "no-store" };
  response.writeHead(response.statusCode, {
    ...headers,
    "content-type": "text/html; charset=utf-8",
  });
  response.end(String(await barePage("This sign-in does not work", body)));
}
