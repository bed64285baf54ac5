// The page for people who open the server's address in a browser. It says what Holdfast is and how to connect a
// program; it holds no secret and no script.
import { createHash } from "node:crypto";
import type { Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import { html, raw } from "hono/html";
import type { Authenticator } from "../auth/authenticator.ts";
import { HOME } from "../clients/session-resolver.ts";
import { clientConfig, KEY_PLACEHOLDER, withName } from "./connect/client-config.ts";
import type { Authenticated } from "./guards/guard.ts";

const STYLE = `
:root { color-scheme: light dark; --ink: #16302b; --soft: #4c625d; --paper: #f5f8f6; --card: #fff; --line: #d3dfda; --mark: #0a6f59 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3efea; --soft: #9db5ad; --paper: #0e1715; --card: #15211e; --line: #2a3b36; --mark: #52c7a8 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif }
main { max-width: 42rem; margin: 0 auto; padding: clamp(1.5rem, 8vh, 5rem) 1.25rem }
h1 { margin: 0; font-size: clamp(1.8rem, 7vw, 2.6rem); line-height: 1.15; letter-spacing: -.02em }
h1::before { content: ""; display: block; width: 2.5rem; height: .3rem; margin-bottom: 1.1rem; border-radius: 1rem; background: var(--mark) }
h2 { margin: 2rem 0 .5rem; font-size: 1rem }
p { margin: .6rem 0; color: var(--soft) }
code, pre { font: .9rem/1.55 ui-monospace, monospace }
a { color: var(--mark) }
code { color: var(--mark); overflow-wrap: anywhere }
pre { margin: 0; padding: .9rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; white-space: pre-wrap; overflow-wrap: anywhere }
pre code { color: inherit }
`;

const HEADERS = {
  "content-security-policy":
    `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-cache",
  vary: "Accept",
};

/** True for a browser's GET: Accept names HTML, and none of the server's own types before it. */
export const wantsPage = (c: Context<Authenticated>): boolean =>
  c.req.header("mcp-session-id") === undefined &&
  accepts(c, {
    header: "Accept",
    supports: ["text/html", "text/event-stream", "application/json"],
    default: "application/json",
  }) === "text/html";

export function pageRoutes(
  app: Hono<Authenticated>,
  {
    address,
    authenticator,
    hasIssuer,
    hasConsole,
  }: {
    address(c: Context<Authenticated>): string;
    authenticator: Authenticator;
    hasIssuer: boolean;
    hasConsole: boolean;
  },
): void {
  for (const path of ["/", "/mcp"])
    app.get(path, async (c, next) => {
      if (!wantsPage(c)) return next();
      const asks = await authenticator.required();
      return page(c, { url: address(c), asks, issuer: hasIssuer, console: hasConsole });
    });
}

/** `asks`: the server needs credentials; `issuer`: programs find their way to it by themselves. */
function page(
  c: Context<Authenticated>,
  { url, asks, issuer, console }: { url: string; asks: boolean; issuer: boolean; console: boolean },
): Response | Promise<Response> {
  const key = asks && !issuer ? KEY_PLACEHOLDER : undefined;
  const config = JSON.stringify(clientConfig(withName(url, HOME), key), undefined, 2);
  const way = !asks
    ? "It needs no key."
    : issuer
      ? "It needs credentials: most clients open the sign-in by themselves."
      : "It needs a key: ask the operator of this server for one.";
  return c.html(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>Holdfast</title>
          ${raw(`<style>${STYLE}</style>`)}
        </head>
        <body>
          <main>
            <h1>Holdfast</h1>
            <p>
              This is an MCP server: a memory for AI assistants. Their conversations and facts are
              kept here, and outlive restarts of the assistant and of the server.
            </p>
            <h2>The address for programs</h2>
            <pre><code>${url}</code></pre>
            <p>
              ${way}
              ${
                console
                  ? html`<a href="/console">The console</a> shows what is stored.`
                  : "A browser has nothing more to see here."
              }
            </p>
            <h2>In a program's configuration</h2>
            <pre><code>${config}</code></pre>
            <p>
              Claude Code, Cursor and others read it like this. Every program with the same
              <code>name</code> in its address shares one conversation.
            </p>
          </main>
        </body>
      </html>`,
    200,
    HEADERS,
  );
}
