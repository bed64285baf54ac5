// API keys, for the operator: list, make, revoke.
import type { Hono } from "hono";
import { html } from "hono/html";
import type { ApiKey } from "../../auth/api-keys.ts";
import { ALL_SCOPES, LOCAL, type Scope } from "../../auth/principal.ts";
import { HOME } from "../../clients/session-resolver.ts";
import { clientConfig, withName } from "../../http/connect/client-config.ts";
import { json } from "../../http/connect/snippet.ts";
import { AppError, toAppError } from "../../lib/errors.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import { shellWord } from "../../lib/text/quoted.ts";
import {
  checkIsOperator,
  type ConsoleContext,
  type ConsoleEnv,
  type ConsoleOptions,
  formOf,
} from "../context.ts";
import { type Html, page, tokenInput, when } from "../layout.ts";
import { MOST_SHARES, sharesView } from "../parts/shares.ts";
import { table } from "../parts/table.ts";
import { keep } from "../sign-in.ts";

const DAY_MS = 86_400_000;
/** Lifetimes to choose from, in days. */
const LIFETIMES = [30, 90, 365] as const;

export function keyRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  const { keys, browserSessions, authenticator } = options;
  app.use("/keys/*", async (c, next) => {
    checkIsOperator(c);
    await next();
  });

  app.get("/keys", (c) => keysPage(c, options));

  app.post("/keys", async (c) => {
    const form = await formOf(c);
    const days = Number(form("days"));
    try {
      const wasOpen = !(await authenticator.required());
      // The first key ends the time when nobody was asked; who makes it stays signed in.
      const link = wasOpen
        ? await browserSessions.link({ principal: c.get("principal").id, scope: "admin" })
        : undefined;
      const { stored, key } = await keys.create(
        {
          principal: form("principal").trim(),
          scope: scopeOf(form("scope")),
          lifetimeMs: LIFETIMES.some((one) => one === days) ? days * DAY_MS : Infinity,
        },
        c.get("principal"),
      );
      const signedIn = link === undefined ? undefined : await browserSessions.redeem(link);
      if (signedIn !== undefined) keep(c, options, signedIn);
      return await keysPage(c, options, { made: { stored, key }, wasOpen });
    } catch (error) {
      const known = toAppError(error);
      if (known.code === "internal") throw error;
      return keysPage(c, options, { fault: known.advice });
    }
  });

  app.post("/keys/:id/revoke", async (c) => {
    await keys.revoke(c.req.param("id"), c.get("principal"));
    return c.redirect("/console/keys", 303);
  });
}

const scopeOf = (text: string): Scope => {
  const scope = ALL_SCOPES.find((one) => one === text);
  if (scope === undefined) throw new AppError("invalid", "The form names no scope.");
  return scope;
};

interface Shown {
  made?: { stored: ApiKey; key: string };
  fault?: string;
  /** True if `made` is the first key: nobody was asked before. */
  wasOpen?: boolean;
}

const FIRST_KEY = "From now on every program needs a key.";

async function keysPage(
  c: ConsoleContext,
  options: ConsoleOptions,
  { made, fault, wasOpen = false }: Shown = {},
): Promise<Response> {
  const now = Date.now();
  const [isAsked, keys, shares] = await Promise.all([
    options.authenticator.required(),
    options.keys.list(),
    options.services.sessions.shares.all(MOST_SHARES),
  ]);
  const stored = keys.toReversed();
  return c.html(
    page(c, {
      title: "Keys",
      section: "keys",
      fault,
      body: html`<h1>Keys</h1>
        ${made === undefined ? "" : madeView(c, options, made, wasOpen)} ${newKeyForm(c, isAsked)}
        ${
          stored.length === 0
            ? html`<p class="empty">
                There are no keys: this server asks nobody. The first key changes that.
              </p>`
            : keyTable(c, options, stored, now)
        }
        ${
          shares.length === 0
            ? ""
            : html`<h2>Who shares what with whom</h2>
                ${sharesView(shares, c.get("principal").id)}`
        }`,
    }),
    fault === undefined ? 200 : 400,
  );
}

const madeView = (
  c: ConsoleContext,
  options: ConsoleOptions,
  { stored, key }: { stored: ApiKey; key: string },
  wasOpen: boolean,
): Html =>
  html`<section class="card made" aria-label="The new key">
    <p>The key of <b>${stored.principal}</b>. It is shown this once:</p>
    <pre data-copy><code>${key}</code></pre>
    ${
      stored.scope === "metrics"
        ? html`<p>It reads <code>/metrics</code>, and opens no conversation.</p>`
        : html`<p>In a program's configuration:</p>
            <pre
              data-copy
            ><code>${json(clientConfig(withName(options.address(c), HOME), key))}</code></pre>`
    }
    ${wasOpen ? firstKeyView(stored.principal) : ""}
  </section>`;

const firstKeyView = (principal: string): Html =>
  principal === LOCAL.id
    ? html`<p>${FIRST_KEY}</p>`
    : html`<p>
          ${FIRST_KEY} Conversations so far belong to <b>local</b>, and ${principal} does not see
          them. To give them to ${principal}, in a terminal:
        </p>
        <pre
          data-copy
        ><code>${commandLine("sessions give --all --from local --to")} ${shellWord(principal)}</code></pre>`;

export const SCOPE_TEXTS: Readonly<Record<Scope, string>> = {
  write: "read and change",
  read: "read",
  admin: "operate the server",
  metrics: "read /metrics only",
};

const newKeyForm = (c: ConsoleContext, isAsked: boolean): Html =>
  html`<form method="post" action="/console/keys" class="chooser">
    ${tokenInput(c)}
    <label
      >Principal <input name="principal" required placeholder="ana" autocomplete="off"
    /></label>
    <label
      >May
      <select name="scope">
        ${Object.entries(SCOPE_TEXTS).map(
          ([scope, text]) => html`<option value="${scope}">${text}</option>`,
        )}
      </select></label
    >
    <label
      >Valid
      <select name="days">
        <option value="">until revoked</option>
        ${LIFETIMES.map((days) => html`<option value="${days}">for ${days} days</option>`)}
      </select></label
    >
    ${
      isAsked
        ? html`<button>Make a key</button>`
        : html`<button
            data-confirm="From now on every program needs a key, and this browser stays signed in. Conversations so far belong to local. Make it?"
          >
            Make a key
          </button>`
    }
  </form>`;

const keyTable = (
  c: ConsoleContext,
  { keys }: ConsoleOptions,
  stored: readonly ApiKey[],
  now: number,
): Html =>
  table(
    "Keys",
    ["Key", "Of", "May", "Made", "Last used", "Ends", ""],
    stored.map((key) => [
      html`<code>${key.id}</code>`,
      ...[key.principal, key.scope],
      when(key.createdAt, now),
      key.lastUsedAt === null ? "never" : when(key.lastUsedAt, now),
      endOf(key, { isValid: keys.isValid(key), now }),
      keys.isValid(key)
        ? html`<form method="post" action="/console/keys/${key.id}/revoke">
            ${tokenInput(c)}
            <button
              class="danger"
              aria-label="Revoke the key ${key.id}"
              data-confirm="Revoke the key ${key.id} of ${key.principal}?"
            >
              Revoke
            </button>
          </form>`
        : "",
    ]),
  );

function endOf(
  { revokedAt, expiresAt }: ApiKey,
  { isValid, now }: { isValid: boolean; now: number },
): Html | string {
  if (revokedAt !== null) return html`<span class="dead">revoked ${when(revokedAt, now)}</span>`;
  if (expiresAt === null) return "never";
  return isValid
    ? when(expiresAt, now)
    : html`<span class="dead">ended ${when(expiresAt, now)}</span>`;
}
