// Sign-in of a browser: with an API key, a passkey, or a one-time link. A server that asks nobody lets the browser in, too.
import { createHmac } from "node:crypto";
import type { Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { createMiddleware } from "hono/factory";
import { html } from "hono/html";
import { browserCredentials, newSecret, type SignedIn } from "../auth/browser-sessions.ts";
import type { RelyingParty } from "../auth/passkeys.ts";
import { LOCAL, type Principal } from "../auth/principal.ts";
import { namedHost } from "../http/guards/guards.ts";
import { RateLimiterMemory, RateLimiterRes } from "../http/limits/rate-limiter.ts";
import { addressOf, networkOf } from "../http/observe.ts";
import { AppError } from "../lib/errors.ts";
import { parsedJson } from "../lib/json/parsed.ts";
import { commandLine } from "../lib/text/command-line.ts";
import {
  type ConsoleContext,
  type ConsoleEnv,
  type ConsoleOptions,
  formOf,
  siteOf,
} from "./context.ts";
import { barePage, tokenField } from "./layout.ts";

const COOKIE = "holdfast_console";
export const HOME = "/console";
/** Wrong keys and passkeys of one address in a minute. */
const MAX_WRONG = 10;
/** Challenges for passkeys that one address gets in a minute. */
const MAX_CHALLENGES = 60;

/** Sign-in pages and their forms, which need no session. */
export function signInRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  const { browserSessions, passkeys } = options;
  const wrong = new AddressLimit(MAX_WRONG);

  app.get("/sign-in", (c) => signInPage(c, options, { next: c.req.query("next") }));
  app.post("/sign-in", async (c) => {
    const form = await formOf(c);
    const [key, next] = [form("key").trim(), form("next")];
    if (await wrong.isReached(c))
      return signInPage(c, options, { next, fault: TOO_MANY, status: 429 });
    const signedIn = await browserSessions.signIn(key);
    if (signedIn === undefined) {
      await wrong.count(c);
      const fault = "This key is not valid, has expired or was revoked.";
      return signInPage(c, options, { next, fault, status: 401 });
    }
    keep(c, options, signedIn);
    return c.redirect(localPath(next), 303);
  });

  const challenges = new AddressLimit(MAX_CHALLENGES);
  app.post("/sign-in/passkey/options", async (c) => {
    const site = siteOf(c, options);
    if (site === undefined) return c.json({ fault: NO_PASSKEYS }, 400);
    if (!(await challenges.count(c))) return c.json({ fault: TOO_MANY }, 429);
    return c.json(await passkeys.beginSignIn(site));
  });
  app.post("/sign-in/passkey", async (c) => {
    const site = siteOf(c, options);
    if (site === undefined) return c.json({ fault: NO_PASSKEYS }, 400);
    if (await wrong.isReached(c)) return c.json({ fault: TOO_MANY }, 429);
    const form = await formOf(c);
    const person = await passkeys.signIn(site, parsedJson(form("response")));
    const signedIn = person && (await browserSessions.begin(person));
    if (signedIn === undefined) {
      await wrong.count(c);
      return c.json({ fault: "This passkey is not known here, or may not be used any more." }, 401);
    }
    keep(c, options, signedIn);
    return c.json({ next: localPath(form("next")) });
  });

  // A link is used by its button, not by its address: programs that check links would use it up.
  app.get("/link/:secret", async (c) =>
    (await browserSessions.isLink(c.req.param("secret"))) ? linkPage(c) : usedLink(c),
  );
  app.post("/link/:secret", async (c) => {
    const signedIn = await browserSessions.redeem(c.req.param("secret"));
    if (signedIn === undefined) return usedLink(c);
    keep(c, options, signedIn);
    return c.redirect(localPath(c.req.query("next") ?? ""), 303);
  });
}

const TOO_MANY = "Too many attempts. Try again in a minute.";
export const NO_PASSKEYS = "Passkeys work at this server's https address only, or at localhost.";

/** How often one address may do something in a minute. */
class AddressLimit {
  readonly #limiter: RateLimiterMemory;
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
    this.#limiter = new RateLimiterMemory({ points: max, duration: 60 });
  }

  async isReached(c: ConsoleContext): Promise<boolean> {
    return ((await this.#limiter.get(of(c)))?.consumedPoints ?? 0) >= this.#max;
  }

  /** False for one too many. */
  async count(c: ConsoleContext): Promise<boolean> {
    try {
      await this.#limiter.consume(of(c));
      return true;
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error;
      return false;
    }
  }
}

const of = (c: ConsoleContext): string =>
  networkOf(addressOf(c.env.incoming.socket.remoteAddress, c.req.header("x-forwarded-for")));

/** Who a browser with this secret is at the moment; undefined for one that must sign in first. */
export async function browserOf(
  { authenticator, browserSessions }: Pick<ConsoleOptions, "authenticator" | "browserSessions">,
  secret: string | undefined,
): Promise<{ principal: Principal; signedIn: boolean } | undefined> {
  const found = secret === undefined ? undefined : await browserSessions.find(secret);
  if (found !== undefined) return { principal: found, signedIn: true };
  return (await authenticator.required()) ? undefined : { principal: LOCAL, signedIn: false };
}

/** Let a browser with a session in, and every browser where nobody is asked. Others are led to the sign-in. */
export const signedIn = ({
  authenticator,
  browserSessions,
  publicUrl,
  admit,
}: Pick<ConsoleOptions, "authenticator" | "browserSessions" | "publicUrl" | "admit">) =>
  createMiddleware<ConsoleEnv>(async (c, next) => {
    let secret = getCookie(c, COOKIE);
    const browser = await browserOf({ authenticator, browserSessions }, secret);
    if (browser === undefined) {
      if (c.req.header("hx-request") === "true") {
        c.header("hx-redirect", `${HOME}/sign-in`);
        return c.body(null, 401);
      }
      if (c.req.method !== "GET") return c.redirect(`${HOME}/sign-in`, 303);
      const { pathname, search } = new URL(c.req.url);
      return c.redirect(`${HOME}/sign-in?next=${encodeURIComponent(pathname + search)}`, 303);
    }
    if (browser.signedIn) admit(c.env.incoming.socket);
    if (secret === undefined) {
      secret = newSecret(); // no session: only for the token of forms
      setCookie(c, COOKIE, secret, cookieOptions(publicUrl));
    }
    c.set("principal", browser.principal);
    c.set("signedIn", browser.signedIn);
    c.set("token", tokenOf(secret));
    await next();
    return undefined;
  });

/** True if the browser has sent the console's cookie. */
export const hasSession = (c: ConsoleContext): boolean => getCookie(c, COOKIE) !== undefined;

/** The secret of the browser's cookie. */
export const secretOf = (c: ConsoleContext): string => getCookie(c, COOKIE) ?? "";

/** Who begins work that outlives the request, with credentials whose end ends it. */
export function answerable(c: ConsoleContext): Principal {
  const principal = c.get("principal");
  return principal.credentials === undefined && c.get("signedIn")
    ? { ...principal, credentials: { id: browserCredentials(secretOf(c)) } }
    : principal;
}

export async function signOut(
  c: ConsoleContext,
  { browserSessions, publicUrl }: ConsoleOptions,
): Promise<Response> {
  await browserSessions.signOut(secretOf(c));
  setCookie(c, COOKIE, "", { ...cookieOptions(publicUrl), maxAge: 0 });
  return c.redirect(`${HOME}/sign-in`, 303);
}

/** Keep the session of a browser that has signed in. */
export function keep(
  c: ConsoleContext,
  { publicUrl }: ConsoleOptions,
  { secret, expiresAt }: SignedIn,
): void {
  setCookie(c, COOKIE, secret, { ...cookieOptions(publicUrl), expires: new Date(expiresAt) });
}

/** Refuse a form or request of another site's page. */
export const fromHere = (publicUrl: string | undefined) =>
  createMiddleware<ConsoleEnv>(async (c, next) => {
    if (c.req.method === "GET" || c.req.method === "HEAD") return next();
    const origin = URL.parse(c.req.header("origin") ?? "");
    const hosts = [namedHost(c as never), publicUrl && new URL(publicUrl).host];
    if (origin === null || !hosts.includes(origin.host))
      throw new AppError("forbidden", "This form was not sent by a page of the console.");
    return next();
  });

/** Refuse a form without the token of this browser's session. */
export const withToken = createMiddleware<ConsoleEnv>(async (c, next) => {
  if (c.req.method === "GET" || c.req.method === "HEAD") return next();
  checkToken(c, c.req.header("x-console-token") ?? (await formOf(c))(tokenField));
  return next();
});

/** @throws AppError `forbidden` for another token than that of this browser's session */
export function checkToken(c: ConsoleContext, sent: string | undefined): void {
  if (sent === c.get("token")) return;
  throw new AppError("forbidden", "This page is out of date: nothing was changed.", {
    hint: "Load it again, and repeat what you did.",
  });
}

const tokenOf = (secret: string): string =>
  createHmac("sha256", secret).update("form").digest("base64url");

const cookieOptions = (publicUrl: string | undefined) => ({
  path: HOME,
  httpOnly: true,
  sameSite: "Strict" as const,
  secure: publicUrl?.startsWith("https:") ?? false,
});

/** A path of the console; its first page for any other address. */
const localPath = (next: string): string => (/^\/console(?![^/?])/.test(next) ? next : HOME);

async function signInPage(
  c: ConsoleContext,
  options: ConsoleOptions,
  {
    next = "",
    fault,
    status = 200,
  }: { next?: string | undefined; fault?: string; status?: 200 | 401 | 429 },
) {
  const site = (await options.passkeys.any()) ? siteOf(c, options) : undefined;
  return c.html(
    barePage(
      "Sign in",
      html`${site === undefined ? "" : passkeyForm(site, localPath(next))}
        <form method="post" action="/console/sign-in" class="card">
          <label for="key">API key</label>
          <input
            id="key"
            name="key"
            type="password"
            required
            autofocus
            autocomplete="current-password"
            placeholder="hf_…"
            spellcheck="false"
          />
          ${fault && html`<p class="fault" role="alert">${fault}</p>`}
          <input type="hidden" name="next" value="${localPath(next)}" />
          <button>Sign in</button>
          <p class="soft">
            Without a key: <code>${commandLine("console")}</code> on the server prints a link that
            signs in once.
          </p>
        </form>`,
      site && { scripts: PASSKEY_SCRIPTS },
    ),
    status,
  );
}

/** The files of pages that use passkeys. */
export const PASSKEY_SCRIPTS = ["webauthn.js", "passkeys.js"] as const;

/** Shown by its script, in browsers that know passkeys. */
const passkeyForm = ({ origin }: RelyingParty, next: string) =>
  html`<form data-passkey="sign-in" data-origin="${origin}" class="card" hidden>
    <input type="hidden" name="next" value="${next}" />
    <button>Sign in with a passkey</button>
    <p class="fault" role="alert" hidden></p>
  </form>`;

const linkPage = (c: ConsoleContext) =>
  c.html(
    barePage(
      "Sign in",
      html`<form method="post" class="card">
        <p>This link signs this browser in. It can be used once.</p>
        <button autofocus>Go on</button>
      </form>`,
    ),
  );

const usedLink = (c: ConsoleContext) =>
  c.html(
    barePage(
      "This link does not work",
      html`<div class="card">
        <p>It was used before, or is older than an hour.</p>
        <p><code>${commandLine("console")}</code> on the server prints a new one.</p>
      </div>`,
    ),
    404,
  );
