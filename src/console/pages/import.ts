// Bring in a file: an export of Holdfast, or of another program. It is rehearsed first; then its owner says whether.
import type { Hono } from "hono";
import { html } from "hono/html";
import { may, type Principal } from "../../auth/principal.ts";
import { type FileArguments, QUESTION, REPORT_META } from "../../imports/import-runs.ts";
import type { Report } from "../../imports/report.ts";
import { AppError, toAppError } from "../../lib/errors.ts";
import { sizeText } from "../../lib/files/room.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import { counted } from "../../lib/text/plural.ts";
import type { TaskView } from "../../tasks/task.ts";
import { type Format, FORMATS } from "../../transfer/formats/format.ts";
import type { Imported } from "../../transfer/import.ts";
import {
  checkMayWrite,
  type ConsoleContext,
  type ConsoleEnv,
  type ConsoleOptions,
  formOf,
} from "../context.ts";
import { type Html, page, tokenField, tokenInput } from "../layout.ts";
import { answerable, checkToken } from "../sign-in.ts";
import { receive } from "../upload.ts";

/** Path of the form with a file, which may be larger than other forms. */
export const UPLOAD = "/console/import";

/** Field of the forms about a file: the one that its sender sees may not be the newest. */
const TASK = "task";

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
  grok: "Grok",
  "le-chat": "Le Chat (Mistral)",
  "gemini-cli": "Gemini CLI",
  opencode: "opencode",
  copilot: "GitHub Copilot in VS Code",
  "lm-studio": "LM Studio",
  "typing-mind": "TypingMind",
  "silly-tavern": "SillyTavern",
  "next-chat": "NextChat",
  chatbox: "Chatbox",
  jan: "Jan",
  "cherry-studio": "Cherry Studio",
};

/** The form with the file: a route of its own, because its token is checked as the form comes. */
export function uploadRoute(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  const { imports, maxUploadBytes: maxBytes } = options;
  app.post("/import", async (c) => {
    const principal = c.get("principal");
    let room: ReturnType<typeof imports.receive> | undefined;
    let format: Format = "auto";
    try {
      const { name } = await receive(c.req.raw, {
        maxBytes,
        async place(fields) {
          checkToken(c, fields.get(tokenField));
          checkMayWrite(c);
          format = formatOf(fields.get("format"));
          room = imports.receive(principal);
          await imports.prepare();
          return room.path;
        },
      });
      await imports.begin(answerable(c), room!.id, { file: name, format });
      return c.redirect(UPLOAD, 303);
    } catch (error) {
      const known = toAppError(error);
      if (known.code === "internal" || known.code === "forbidden") throw error;
      return await importPage(c, options, known.advice);
    } finally {
      room?.release();
    }
  });
}

export function importRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  const { imports } = options;
  app.get("/import", (c) => importPage(c, options));
  const acts = {
    start: (by: Principal, id: string) => imports.accept(by, id),
    end: (by: Principal, id: string) => imports.stop(by, id),
  };
  for (const [name, act] of Object.entries(acts))
    app.post(`/import/${name}`, async (c) => {
      checkMayWrite(c);
      const form = await formOf(c);
      if (!(await act(c.get("principal"), form(TASK)))) throw noTask();
      return c.redirect(UPLOAD, 303);
    });
}

const noTask = (): AppError =>
  new AppError(
    "not_found",
    "The file of this form no longer waits: it has ended, or another one came.",
    {
      hint: "Look at the page of imports again.",
    },
  );

const formatOf = (text: string | undefined): Format => {
  const format = FORMATS.find((one) => one === text);
  if (format === undefined) throw new AppError("invalid", "The form names no format.");
  return format;
};

const LIVE = html`data-live="import" hx-get="${UPLOAD}" hx-trigger="live" hx-select="#import"
hx-swap="outerHTML settle:0ms"`;

/** Tells when the page has something else to show. See live/route.ts. */
export const importRevision = async (
  { imports }: ConsoleOptions,
  principal: Principal,
): Promise<string> => {
  const { id, revision } = (await imports.last(principal)) ?? {};
  return `${id} ${revision}`;
};

async function importPage(
  c: ConsoleContext,
  options: ConsoleOptions,
  fault?: string,
): Promise<Response> {
  const principal = c.get("principal");
  const task = await options.imports.last(principal);
  const isBusy = task?.status === "working";
  const body = html`<h1>Import</h1>
    <div id="import" ${isBusy ? LIVE : ""}>
      ${task === undefined ? "" : taskView(c, task)}
      ${
        !may(principal, "write")
          ? html`<p class="empty">This sign-in may only read.</p>`
          : isBusy
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
        <input
          type="file"
          name="file"
          required
          data-max-bytes="${maxUploadBytes}"
          data-too-large="This file is larger than ${sizeText(maxUploadBytes)}. On the server, ${commandLine("sessions import FILE")} takes it."
        />
      </label>
      <button>Check the file</button>
      <p class="soft">Nothing is stored before you have seen what would come in.</p>
    </form>
    <p class="soft">
      Up to ${sizeText(maxUploadBytes)}. For a larger file:
      <code>${commandLine("sessions import FILE")}</code> on the server. Importing a file again
      brings in what is new in it.
    </p>`;

function taskView(c: ConsoleContext, task: TaskView): Html {
  const { file } = task.arguments as FileArguments;
  switch (task.status) {
    case "working":
      return card(
        html`<p role="status">${task.statusMessage ?? `Checking ${file}`} …</p>
          ${
            task.progressTotal === null
              ? ""
              : html`<progress
                  max="${task.progressTotal}"
                  value="${task.progress}"
                  aria-label="Done part of the file"
                ></progress>`
          }
          ${endForm(c, task, "Stop")}`,
      );
    case "input_required": {
      const report = questionedIn(task);
      return card(
        html`<p role="status"><b>${file}</b>: ${report?.summary}</p>
          ${report && resultsView(report)}
          <form method="post" action="${UPLOAD}/start">
            ${tokenInput(c)}${taskInput(task)}<button>Import</button>
          </form>
          ${endForm(c, task, "Do not import it")}`,
      );
    }
    case "completed": {
      const report = (task.result as { structuredContent: Report }).structuredContent;
      return card(
        html`<p role="status"><b>${file}</b>: ${report.summary}</p>
          ${resultsView(report)}`,
      );
    }
    case "failed":
      return faultView(file, (task.error as { message: string }).message);
    case "cancelled":
      return faultView(file, "Stopped. What is in stays; importing the file again does the rest.");
  }
}

const questionedIn = ({ questions }: TaskView): Report | undefined =>
  (questions[QUESTION] as { params?: { _meta?: Record<string, Report> } } | undefined)?.params
    ?._meta?.[REPORT_META];

const faultView = (file: string, fault: string): Html =>
  card(
    html`<p role="alert"><b>${file}</b></p>
      <pre class="faults">${fault}</pre>`,
  );

const card = (body: Html): Html =>
  html`<section class="card" aria-label="What was sent">${body}</section>`;

const taskInput = ({ id }: TaskView): Html =>
  html`<input type="hidden" name="${TASK}" value="${id}" />`;

const endForm = (c: ConsoleContext, task: TaskView, text: string): Html =>
  html`<form method="post" action="${UPLOAD}/end">
    ${tokenInput(c)}${taskInput(task)}<button id="end-import" class="quiet">${text}</button>
  </form>`;

const OUTCOME_TEXTS: Readonly<Record<Imported["outcome"], string>> = {
  imported: "new",
  continued: "continued",
  unchanged: "unchanged",
  behind: "skipped: it has grown here since",
  conflict: "not imported: another with its id is here, or it went on differently",
};

/** Conversations with what becomes of each, and what the file has that cannot be taken in. */
function resultsView({ isDone, results, sessions, skipped, skips, replaced }: Report): Html {
  return html`<ul class="results">
      ${results.toReversed().map((one) => resultView(one, !isDone))}
    </ul>
    ${
      sessions > results.length
        ? html`<p class="soft">… and ${sessions - results.length} more</p>`
        : ""
    }
    ${
      skips === 0
        ? ""
        : html`<details open>
            <summary>Skipped: ${skips}</summary>
            <ul>
              ${skipped.map((line) => html`<li>${line}</li>`)}
            </ul>
            ${
              skips > skipped.length
                ? html`<p class="soft">… and ${skips - skipped.length} more</p>`
                : ""
            }
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
  { id, label, outcome, messages, lostName, branchOf }: Imported,
  isRehearsal: boolean,
): Html {
  const isHere = outcome === "unchanged" || outcome === "behind" || outcome === "continued";
  const title = label ?? "Untitled";
  return html`<li>
    ${isHere || (!isRehearsal && outcome === "imported") ? html`<a href="/console/sessions/${id}">${title}</a>` : title}
    <span class="soft"
      >${OUTCOME_TEXTS[outcome]}${messages > 0 ? `, ${counted(messages, "message")}` : ""}${
        lostName === undefined ? "" : `, without its name ${lostName}: it is taken`
      }${
        branchOf !== undefined && outcome === "imported"
          ? ": the conversation here went on differently, and stays"
          : ""
      }</span
    >
  </li>`;
}
