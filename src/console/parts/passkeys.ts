// The passkeys of the person who has signed in: a list, a way to add one, and an end to each.
import type { Hono } from "hono";
import { html } from "hono/html";
import type { Passkey, RelyingParty } from "../../auth/passkeys.ts";
import { AppError } from "../../lib/errors.ts";
import { parsedJson } from "../../lib/json/parsed.ts";
import {
  type ConsoleContext,
  type ConsoleEnv,
  type ConsoleOptions,
  formOf,
  siteOf,
} from "../context.ts";
import { type Html, tokenInput, when } from "../layout.ts";
import { NO_PASSKEYS } from "../sign-in.ts";
import { table } from "./table.ts";

export function passkeyRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  const { passkeys } = options;

  app.post("/account/passkeys/options", async (c) =>
    c.json(await passkeys.beginEnrolment(c.get("principal"), siteFor(c, options))),
  );

  app.post("/account/passkeys", async (c) => {
    const form = await formOf(c);
    const made = { label: form("label"), response: parsedJson(form("response")) };
    try {
      await passkeys.enrol(c.get("principal"), siteFor(c, options), made);
    } catch (error) {
      if (!(error instanceof AppError) || !["invalid", "limit"].includes(error.code)) throw error;
      return c.json({ fault: error.advice }, 400);
    }
    return c.json({ next: "/console/account" });
  });

  app.post("/account/passkeys/:id/remove", async (c) => {
    await passkeys.remove(c.req.param("id"), c.get("principal"));
    return c.redirect("/console/account", 303);
  });
}

/** @throws AppError `forbidden` where nobody signs in; `invalid` where there can be no passkeys */
function siteFor(c: ConsoleContext, options: ConsoleOptions): RelyingParty {
  if (!c.get("signedIn")) throw new AppError("forbidden", "Nobody has signed in here.");
  const site = siteOf(c, options);
  if (site === undefined) throw new AppError("invalid", NO_PASSKEYS);
  return site;
}

/** `site`: absent where none can be added. */
export const passkeysView = (
  c: ConsoleContext,
  passkeys: readonly Passkey[],
  site: RelyingParty | undefined,
): Html =>
  html`${
    passkeys.length === 0
      ? html`<p class="empty">None. A passkey signs you in without a key.</p>`
      : list(c, passkeys)
  }
  ${site === undefined ? html`<p class="soft">${NO_PASSKEYS}</p>` : addForm(c, site)}`;

const list = (c: ConsoleContext, passkeys: readonly Passkey[]): Html => {
  const now = Date.now();
  return table(
    "Passkeys",
    ["Name", "Added", "Last used", "Ends", ""],
    passkeys.map(({ id, label, keyId, createdAt, lastUsedAt }) => [
      label,
      when(createdAt, now),
      lastUsedAt === null ? "never" : when(lastUsedAt, now),
      keyId === null ? "when you remove it" : html`with the key <code>${keyId}</code>`,
      html`<form method="post" action="/console/account/passkeys/${id}/remove">
        ${tokenInput(c)}
        <button
          class="danger"
          aria-label="Remove ${label}"
          data-confirm="Remove ${label}? Browsers and programs that were let in with it are out at once."
        >
          Remove
        </button>
      </form>`,
    ]),
  );
};

const addForm = (c: ConsoleContext, { origin }: RelyingParty): Html =>
  html`<form data-passkey="add" data-origin="${origin}" class="actions" hidden>
      ${tokenInput(c)}
      <label
        >Name <input name="label" maxlength="60" placeholder="such as Phone" autocomplete="off"
      /></label>
      <button>Add a passkey</button>
      <p class="fault" role="alert" hidden></p>
    </form>
    <noscript><p class="soft">To add one, a browser needs scripts.</p></noscript>`;
