// Connects a program: choose it, name the conversation, and copy what goes into its configuration.
import type { Hono } from "hono";
import { html } from "hono/html";
import type { Principal } from "../../auth/principal.ts";
import { HOME } from "../../clients/session-resolver.ts";
import { bearer, KEY_PLACEHOLDER, withName } from "../../http/connect/client-config.ts";
import { CONFIGURED, MANUAL, type Place } from "../../http/connect/programs.ts";
import { snippet } from "../../http/connect/snippet.ts";
import { AppError } from "../../lib/errors.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import type { Session } from "../../sessions/session.ts";
import { checkName } from "../../sessions/texts.ts";
import type { ConsoleContext, ConsoleEnv, ConsoleOptions } from "../context.ts";
import { type Html, page } from "../layout.ts";

const FIRST = "claude-code";
/** Where the person's home is, is not known here. */
const SOMEWHERE: Place = { home: "~", settings: "~/.config", env: {} };

const TITLES = [
  ...Object.entries(CONFIGURED).map(([name, { title }]) => ({ name, title })),
  ...Object.entries(MANUAL).map(([name, { title }]) => ({ name, title })),
].toSorted((a, b) => a.title.localeCompare(b.title));

export function connectRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  app.get("/connect", async (c) => {
    const program = c.req.query("program") ?? FIRST;
    const name = c.req.query("name")?.trim() || HOME;
    const fault = nameFault(name);
    const used = fault === undefined ? name : HOME;
    const asks = !options.hasIssuer && (await options.authenticator.required());
    const url = withName(options.address(c), used);
    const http = { url, ...(asks && { headers: bearer(KEY_PLACEHOLDER) }) };
    return c.html(
      page(c, {
        title: "Connect",
        section: "connect",
        fault,
        body: html`<h1>Connect a program</h1>
          ${chooser(program, name)}
          <p class="soft">Programs that use the same name share one conversation.</p>
          <div id="steps">
            ${steps(program, http)}
            ${asks ? html`<p>Put a key in the place of <code>${KEY_PLACEHOLDER}</code>.</p>` : ""}
            ${await waiting(c, options, used)}
            <h2>Then say to the assistant</h2>
            <ul class="say">
              ${SENTENCES.map((text) => html`<li><q>${text}</q></li>`)}
            </ul>
          </div>`,
      }),
    );
  });

  app.get("/connect/waiting", async (c) => {
    const since = Number(c.req.query("since")) || Infinity;
    const name = c.req.query("name") ?? HOME;
    return c.html(await waiting(c, options, nameFault(name) === undefined ? name : HOME, since));
  });
}

const SENTENCES = [
  "Remember that our release is on Friday.",
  "What do you know about our release?",
  "Save this conversation in Holdfast before we stop.",
];

function nameFault(name: string): string | undefined {
  try {
    checkName(name);
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error.advice;
    throw error;
  }
}

const chooser = (program: string, name: string): Html =>
  html`<form class="chooser" action="/console/connect" data-auto>
    <label
      >Program
      <select name="program">
        ${TITLES.map(
          (one) =>
            html`<option value="${one.name}" ${one.name === program ? html`selected` : ""}>
              ${one.title}
            </option>`,
        )}
      </select></label
    >
    <label>Name of the conversation <input name="name" value="${name}" autocomplete="off" /></label>
    <button>Show</button>
  </form>`;

function steps(name: string, http: { url: string; headers?: Record<string, string> }): Html {
  const manual = MANUAL[name];
  if (manual !== undefined) {
    const isReachable = new URL(http.url).protocol === "https:";
    return html`<ol>
        ${manual.steps(http).map((step) => html`<li>${step}</li>`)}
      </ol>
      ${
        manual.needsPublicAddress && !isReachable
          ? html`<p class="fault">
              ${manual.title} comes from the internet: this server needs an https address first
              (<code>--public-url</code>).
            </p>`
          : ""
      }`;
  }
  const program = CONFIGURED[name] ?? CONFIGURED[FIRST]!;
  const file = program.file(SOMEWHERE);
  if (program.entry.http === undefined)
    return html`<p>${program.title} starts Holdfast by itself. On its machine, run:</p>
      <pre data-copy><code>${commandLine(`connect ${name} --write`)}</code></pre>
      <p>It writes into <code>${file}</code>. ${program.then}</p>`;
  return html`<p>Into <code>${file}</code>:</p>
    <pre data-copy><code>${snippet(program, program.entry.http(http))}</code></pre>
    <p>
      On a machine with the command, <code>${commandLine(`connect ${name} --write`)}</code> puts it
      there. ${program.then}
    </p>`;
}

/** The conversation of that name, if a program is connected to it or has used it since. */
async function connectedSession(
  { services: { sessions } }: ConsoleOptions,
  principal: Principal,
  name: string,
  since: number,
): Promise<Session | undefined> {
  const session = await sessions.named(principal, name);
  if (session === undefined) return undefined;
  const isConnected =
    session.lastActiveAt > since || (await sessions.counts(session.id)).connections > 0;
  return isConnected ? session : undefined;
}

/** Tells when the page need not wait any more. See live/route.ts. */
export async function connectedRevision(
  options: ConsoleOptions,
  principal: Principal,
  [since, ...name]: readonly string[],
): Promise<string> {
  const session = await connectedSession(options, principal, name.join("/"), Number(since));
  return `${session?.id}`;
}

/**
 * Whether a program is connected to the conversation of that name, or has used it since; asks again until one has. A
 * program of the 2026 revision holds no connection.
 */
async function waiting(
  c: ConsoleContext,
  options: ConsoleOptions,
  name: string,
  since = Date.now(),
): Promise<Html> {
  const session = await connectedSession(options, c.get("principal"), name, since);
  if (session !== undefined)
    return html`<p class="connected" role="status">
      Connected ✓ <a href="/console/sessions/${session.id}">Open the conversation</a>
    </p>`;
  const query = new URLSearchParams({ name, since: `${since}` }).toString();
  return html`<p
    class="waiting"
    role="status"
    hx-get="/console/connect/waiting?${query}"
    data-live="connected/${since}/${name}"
    hx-trigger="live"
    hx-swap="outerHTML settle:0ms"
  >
    Waiting for a program that uses the conversation <code>${name}</code> …
  </p>`;
}
