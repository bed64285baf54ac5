// The frame of every page: head, navigation, banner, and the parts that many pages use.
import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { may } from "../auth/principal.ts";
import { isoTime } from "../lib/clock.ts";
import { type AssetName, assetPath } from "./assets.ts";
import type { ConsoleContext } from "./context.ts";

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

/** Name of the form field with the token of the browser's session. */
export const tokenField = "_token";

export type Section =
  | "connect"
  | "sessions"
  | "search"
  | "import"
  | "activity"
  | "health"
  | "keys"
  | "account";

const SECTIONS: readonly { name: Section; title: string; admin?: true }[] = [
  { name: "sessions", title: "Sessions" },
  { name: "search", title: "Search" },
  { name: "connect", title: "Connect" },
  { name: "import", title: "Import" },
  { name: "activity", title: "Activity" },
  { name: "health", title: "Health", admin: true },
  { name: "keys", title: "Keys", admin: true },
];

export interface PageOptions {
  title: string;
  section?: Section;
  body: Html;
  /** Fault of the last action, above the page. */
  fault?: string | undefined;
  /** Further files that this page loads. */
  scripts?: readonly AssetName[];
  styles?: readonly AssetName[];
}

/** A whole page for a browser that may be here. */
export function page(c: ConsoleContext, options: PageOptions): Html {
  const { title, section, body, fault } = options;
  const principal = c.get("principal");
  const shown = SECTIONS.filter(({ admin }) => !admin || may(principal, "admin"));
  return frame(
    title,
    html`<header class="top">
        <a class="brand" href="/console">Holdfast</a>
        <nav aria-label="Console">
          ${shown.map(
            ({ name, title }) =>
              html`<a href="/console/${name}" ${name === section ? html`aria-current="page"` : ""}
                >${title}</a
              >`,
          )}
        </nav>
        <div class="who">
          <a href="/console/account" ${section === "account" ? html`aria-current="page"` : ""}
            >${principal.id}</a
          >
          ${
            c.get("signedIn")
              ? html`<form method="post" action="/console/sign-out">
                  ${tokenInput(c)}<button class="quiet">Sign out</button>
                </form>`
              : ""
          }
        </div>
      </header>
      ${c.get("banner").map((line) => html`<p class="banner" role="status">${prose(line)}</p>`)}
      <main id="main">
        ${fault ? html`<p class="fault" role="alert">${fault}</p>` : ""} ${body}
      </main>`,
    { token: c.get("token"), ...options },
  );
}

/** A page for a browser that has not signed in. */
export const barePage = (title: string, body: Html, options?: Pick<PageOptions, "scripts">): Html =>
  frame(
    title,
    html`<main id="main" class="bare">
      <h1>${title}</h1>
      ${body}
    </main>`,
    options,
  );

const frame = (
  title: string,
  body: Html,
  {
    token,
    scripts = [],
    styles = [],
  }: { token?: string } & Pick<PageOptions, "scripts" | "styles"> = {},
): Html =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="htmx-config" content="${HTMX_CONFIG}" />
        <title>${title} · Holdfast</title>
        <link rel="icon" href="${assetPath("icon.svg")}" type="image/svg+xml" />
        ${["console.css" as const, ...styles].map(
          (name) => html`<link rel="stylesheet" href="${assetPath(name)}" />`,
        )}
        ${["htmx.js" as const, "console.js" as const, ...scripts].map(
          (name) => html`<script src="${assetPath(name)}" defer></script>`,
        )}
      </head>
      <body ${token ? html`hx-headers='${JSON.stringify({ "x-console-token": token })}'` : ""}>
        <a class="skip" href="#main">Skip to the content</a>
        ${body}
      </body>
    </html>`;

/** No inline style, no eval: the pages' policy forbids both. */
const HTMX_CONFIG = JSON.stringify({
  includeIndicatorStyles: false,
  allowEval: false,
  allowScriptTags: false,
  selfRequestsOnly: true,
  historyCacheSize: 0,
});

export const tokenInput = (c: ConsoleContext): Html =>
  html`<input type="hidden" name="${tokenField}" value="${c.get("token")}" />`;

const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;
/** In numbers: "next year" would be wrong for a day 400 days from now. */
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "always" });

const DAY = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });

/** A time as people say it, with the exact one in its title. */
export function when(ms: number, now: number): Html {
  const seconds = (ms - now) / 1_000;
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  const soon = seconds > 0 ? "in a moment" : "just now";
  const text = unit === "second" ? soon : RELATIVE.format(Math.trunc(seconds / length), unit);
  return html`<time datetime="${isoTime(ms)}" title="${isoTime(ms)}">${text}</time>`;
}

/** The day in UTC, as in `14 Nov 2023`. */
export const day = (ms: number): Html =>
  html`<time datetime="${isoTime(ms)}" title="${isoTime(ms)}">${DAY.format(ms)}</time>`;

const TICKED_OR_TIME = /`([^`]+)`|(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/;

/** A sentence of the program, with its `commands` as code and its times as people say them. */
export function prose(text: string): Html {
  const now = Date.now();
  // The pieces are text, code, time, text, code, time, …; of each code and time one is undefined.
  const pieces = text.split(TICKED_OR_TIME).map((piece, index) => {
    if (piece === undefined || index % 3 === 0) return piece ?? "";
    return index % 3 === 1 ? html`<code>${piece}</code>` : when(Date.parse(piece), now);
  });
  return html`${pieces}`;
}
