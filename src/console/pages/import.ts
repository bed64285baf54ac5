// Bring in a file: an export of Holdfast, or of another program. It is rehearsed first; then its owner says whether.
import type { Hono } from "hono";
import { html } from "hono/html";
import { may, type Principal } from "../../auth/principal.ts";
import { AppError, toAppError } from "../../lib/errors.ts";
import { sizeText } from "../../lib/files/room.ts";
import { counted } from "../../lib/text/plural.ts";
import { type Format, FORMATS } from "../../transfer/formats/format.ts";
import { whereOf } from "../../transfer/formats/skipped.ts";
import type { Source } from "../../transfer/formats/source.ts";
import type { Imported } from "../../transfer/import.ts";
import { summaryOf } from "../../transfer/summary.ts";
import {
  checkMayWrite,
  type ConsoleContext,
  type ConsoleEnv,
  type ConsoleOptions,
} from "../context.ts";
import type { ImportJob } from "../imports.ts";
import { type Html, page, tokenField, tokenInput } from "../layout.ts";
import { checkToken } from "../sign-in.ts";
import { receive } from "../upload.ts";

/** Path of the form with a file, which may be larger than other forms. */
export const UPLOAD = "/console/import";
/** Conversations, and faults, that the page names. */
const NAMED = 50;

const FORMAT_TEXTS: Readonly<Record<Format, string>> = {
  auto: "found out from the file",
  holdfast: "an export of Holdfast",
  chatgpt: "ChatGPT",
  claude: "Claude",
  deepseek: "DeepSeek",
  "open-webui": "Open WebUI",
  librechat: "LibreChat",
  lobechat: "LobeChat",
  gemini: "Gemini (Google Takeout)",
  "claude-code": "Claude Code",
  codex: "Codex",
  cursor: "Cursor",
};

/** The form with the file: a route of its own, because its token is checked as the form comes. */
export function uploadRoute(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  app.post("/import", async (c) => {
    let received = (): void => undefined;
    try {
      const upload = await receive(c.req.raw, {
        maxBytes: options.maxUploadBytes,
        check(fields) {
          checkToken(c, fields.get(tokenField));
          checkMayWrite(c);
          formatOf(fields.get("format"));
          received = options.imports.receive(c.get("principal"));
        },
      });
      await options.imports.add(c.get("principal"), upload);
      return c.redirect(UPLOAD, 303);
    } catch (error) {
      const known = toAppError(error);
      if (known.code === "internal" || known.code === "forbidden") throw error;
      return await importPage(c, options, known.advice);
    } finally {
      received();
    }
  });
}

export function importRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  const { imports } = options;
  app.get("/import", (c) => importPage(c, options));
  app.post("/import/start", (c) => {
    checkMayWrite(c);
    jobOf(c, options).start();
    return c.redirect(UPLOAD, 303);
  });
  app.post("/import/end", async (c) => {
    checkMayWrite(c);
    const job = jobOf(c, options);
    if (job.isBusy) await job.end();
    else await imports.forget(c.get("principal"));
    return c.redirect(UPLOAD, 303);
  });
}

/** @throws AppError `not_found` without a file */
function jobOf(c: ConsoleContext, { imports }: ConsoleOptions): ImportJob {
  const job = imports.of(c.get("principal"));
  if (job !== undefined) return job;
  throw new AppError(
    "not_found",
    "There is no file here: it was removed, or the server restarted.",
    {
      hint: "Behind a balancer, each browser must reach one server for /console. Send the file again.",
    },
  );
}

const formatOf = (text: string | undefined): Format => {
  const format = FORMATS.find((one) => one === text);
  if (format === undefined) throw new AppError("invalid", "The form names no format.");
  return format;
};

const LIVE = html`data-live="import" hx-get="${UPLOAD}" hx-trigger="live" hx-select="#import"
hx-swap="outerHTML settle:0ms"`;

/** Tells when the page has something else to show. See live/route.ts. */
export const importRevision = ({ imports }: ConsoleOptions, principal: Principal): string =>
  JSON.stringify(imports.of(principal)?.progress ?? null);

async function importPage(
  c: ConsoleContext,
  options: ConsoleOptions,
  fault?: string,
): Promise<Response> {
  const principal = c.get("principal");
  const job = options.imports.of(principal);
  const body = html`<h1>Import</h1>
    <div id="import" ${job?.isBusy ? LIVE : ""}>
      ${job === undefined ? "" : jobView(c, job)}
      ${
        !may(principal, "write")
          ? html`<p class="empty">This sign-in may only read.</p>`
          : job?.isBusy
            ? ""
            : fileForm(c, options)
      }
    </div>`;
  return c.html(
    page(c, { title: "Import", section: "import", fault, body }),
    fault === undefined ? 200 : 400,
  );
}

const fileForm = (c: ConsoleContext, { maxUploadBytes }: ConsoleOptions): Html =>
  html`<form method="post" action="${UPLOAD}" enctype="multipart/form-data" class="card">
      ${tokenInput(c)}
      <label
        >Format
        <select name="format">
          ${FORMATS.map((name) => html`<option value="${name}">${FORMAT_TEXTS[name]}</option>`)}
        </select></label
      >
      <label class="drop"
        >File: choose it, or drop it here
        <input type="file" name="file" required data-max-bytes="${maxUploadBytes}" />
      </label>
      <button>Check the file</button>
      <p class="soft">Nothing is stored before you have seen what would come in.</p>
    </form>
    <p class="soft">
      Up to ${sizeText(maxUploadBytes)}. For a larger file:
      <code>holdfast sessions import FILE</code> on the server. Importing a file again brings in
      what is new in it.
    </p>`;

function jobView(c: ConsoleContext, job: ImportJob): Html {
  const { state } = job;
  switch (state.stage) {
    case "checking":
      return card(
        html`<p role="status">Checking ${job.name} …</p>
          ${
            state.total > 0
              ? html`<progress
                  max="${state.total}"
                  value="${state.done}"
                  aria-label="Checked part of the file"
                ></progress>`
              : ""
          }
          ${endForm(c, "Stop")}`,
      );
    case "running":
      return card(
        html`<p role="status">
            Importing ${job.name}: ${state.done} of ${counted(state.total, "message")}
          </p>
          <progress
            max="${state.total}"
            value="${state.done}"
            aria-label="Imported messages"
          ></progress>
          ${endForm(c, "Stop")}`,
      );
    case "failed":
      return card(
        html`<p role="alert"><b>${job.name}</b></p>
          <pre class="faults">${state.fault}</pre>`,
      );
    case "rehearsed":
      return card(
        html`<p role="status">
            <b>${job.name}</b>: ${summaryOf(state.source, state.results, { dryRun: true })}
          </p>
          ${resultsView(state.source, state.results, true)}
          ${
            state.results.some(({ outcome }) => outcome === "imported" || outcome === "continued")
              ? html`<form method="post" action="${UPLOAD}/start">
                  ${tokenInput(c)}<button>Import</button>
                </form>`
              : ""
          }
          ${endForm(c, "Do not import it")}`,
      );
    case "done":
      return card(
        html`<p role="status"><b>${job.name}</b>: ${summaryOf(state.source, state.results, {})}</p>
          ${resultsView(state.source, state.results, false)}`,
      );
  }
}

const card = (body: Html): Html =>
  html`<section class="card" aria-label="What was sent">${body}</section>`;

const endForm = (c: ConsoleContext, text: string): Html =>
  html`<form method="post" action="${UPLOAD}/end">
    ${tokenInput(c)}<button class="quiet">${text}</button>
  </form>`;

const OUTCOME_TEXTS: Readonly<Record<Imported["outcome"], string>> = {
  imported: "new",
  continued: "continued",
  unchanged: "unchanged",
  behind: "skipped: it has grown here since",
  conflict: "not imported: another with its id is here, or it went on differently",
};

/** Conversations with what becomes of each, and what the file has that cannot be taken in. */
function resultsView(
  { skipped, replaced }: Source,
  results: readonly Imported[],
  isRehearsal: boolean,
): Html {
  const lines = skipped.map(
    (one) =>
      `${whereOf(one)}${one.conversation === null ? "" : ` (${one.title ?? one.id ?? "without a title"})`}: ${one.reason}`,
  );
  return html`<ul class="results">
      ${results
        .toReversed()
        .slice(0, NAMED)
        .map((one) => resultView(one, isRehearsal))}
    </ul>
    ${results.length > NAMED ? html`<p class="soft">… and ${results.length - NAMED} more</p>` : ""}
    ${
      lines.length === 0
        ? ""
        : html`<details open>
            <summary>Skipped: ${lines.length}</summary>
            <ul>
              ${lines.slice(0, NAMED).map((line) => html`<li>${line}</li>`)}
            </ul>
            ${lines.length > NAMED ? html`<p class="soft">… and ${lines.length - NAMED} more</p>` : ""}
          </details>`
    }
    ${
      replaced === 0
        ? ""
        : html`<p class="soft">
            ${counted(replaced, "character")} that cannot be stored: replaced by U+FFFD.
          </p>`
    }`;
}

function resultView(
  { id, label, outcome, messages, lostName }: Imported,
  isRehearsal: boolean,
): Html {
  const isHere = outcome === "unchanged" || outcome === "behind" || outcome === "continued";
  const title = label ?? "Untitled";
  return html`<li>
    ${isHere || (!isRehearsal && outcome === "imported") ? html`<a href="/console/sessions/${id}">${title}</a>` : title}
    <span class="soft"
      >${OUTCOME_TEXTS[outcome]}${messages > 0 ? `, ${counted(messages, "message")}` : ""}${
        lostName === undefined ? "" : `, without its name ${lostName}: it is taken`
      }</span
    >
  </li>`;
}
