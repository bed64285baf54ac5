// The server's health, for the operator: what is wrong and what to do, the last day, what the cleanup deletes next.
import type { Hono } from "hono";
import { html } from "hono/html";
import ms from "ms";
import { may, type Principal } from "../../auth/principal.ts";
import type { Finding } from "../../health/finding.ts";
import { AppError } from "../../lib/errors.ts";
import { sizeText } from "../../lib/files/room.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import { counted } from "../../lib/text/plural.ts";
import type { Sample } from "../../telemetry/samples.ts";
import type { Backups } from "../backups.ts";
import {
  checkIsOperator,
  type ConsoleContext,
  type ConsoleEnv,
  type ConsoleOptions,
  logFailed,
} from "../context.ts";
import type { DueSessions } from "../health.ts";
import { type Html, page, prose, tokenInput, when } from "../layout.ts";
import { sendFile } from "../parts/download.ts";
import { table } from "../parts/table.ts";

export function healthRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  const { health, settings, backups } = options;
  app.use("/health/*", async (c, next) => {
    checkIsOperator(c);
    await next();
  });

  app.get("/health", async (c) => {
    const [findings, due] = await Promise.all([health.findings(), health.due()]);
    return c.html(
      page(c, {
        title: "Health",
        section: "health",
        scripts: ["uplot.js", "charts.js"],
        styles: ["uplot.css"],
        body: html`<h1>Health</h1>
          <div
            id="findings"
            hx-get="/console/health"
            hx-trigger="every 30s"
            hx-select="#findings"
            hx-swap="outerHTML"
          >
            ${findingsView(findings)} ${dueView(due)}
          </div>
          <h2>Backups</h2>
          ${backups === undefined ? noBackups() : await backupsView(c, backups)}
          <h2>The last day</h2>
          ${chartsView(health.samples())}
          <h2>Settings</h2>
          ${settingsView(settings)}`,
      }),
    );
  });

  app.get("/health/samples", (c) => c.json(health.samples()));
  if (backups !== undefined) backupRoutes(app, backups, options);
}

function backupRoutes(app: Hono<ConsoleEnv>, backups: Backups, options: ConsoleOptions): void {
  app.post("/health/backups", (c) => {
    backups.make();
    return c.redirect("/console/health", 303);
  });

  app.get("/health/backups/:name", async (c) => {
    // It holds the conversations of all: who only came from this machine may be any of its users.
    if (!c.get("signedIn"))
      throw new AppError("forbidden", `To download a backup, sign in: ${commandLine("console")}.`);
    const { file, bytes } = await backups.read(c.req.param("name"), c.get("principal"));
    return sendFile(c, {
      ...{ name: file.name, type: "application/vnd.sqlite3", bytes, length: file.bytes },
      onError: (error) => logFailed(options, error),
    });
  });
}

/** Tells when a backup is made. See live/route.ts. */
export const backupsRevision = ({ backups }: ConsoleOptions, principal: Principal): string =>
  `${may(principal, "admin") && backups?.isRunning}`;

const noBackups = (): Html =>
  html`<p class="soft">
    They are made by the operator of this data, not from here: see
    <code>${commandLine("backup --help")}</code>.
  </p>`;

async function backupsView(c: ConsoleContext, backups: Backups): Promise<Html> {
  const now = Date.now();
  const files = await backups.list();
  return html`<div
    id="backups"
    ${
      backups.isRunning
        ? html`data-live="backups" hx-get="/console/health" hx-trigger="live" hx-select="#backups"
          hx-select-oob="#findings" hx-swap="outerHTML settle:0ms"`
        : ""
    }
  >
    ${
      backups.fault === undefined
        ? ""
        : html`<p class="fault" role="alert">None was made: ${backups.fault}</p>`
    }
    ${
      files.length === 0
        ? html`<p class="empty">None was made from here yet.</p>`
        : table(
            "Backups",
            ["File", "Size", "Made"],
            files.map(({ name, bytes, at }) => [
              c.get("signedIn")
                ? html`<a href="/console/health/backups/${name}" download>${name}</a>`
                : html`<code>${name}</code>`,
              sizeText(bytes),
              when(at, now),
            ]),
          )
    }
    ${
      backups.isRunning
        ? html`<p role="status">One is being made …</p>`
        : html`<form method="post" action="/console/health/backups">
            ${tokenInput(c)}<button>Make a backup</button>
          </form>`
    }
    <p class="soft">
      They are in <code>${backups.folder}</code>; the newest seven stay. A disk that fails takes
      them along:
      ${c.get("signedIn") ? "" : html`sign in by a link of <code>${commandLine("console")}</code> to`}
      download one, or let cron write them elsewhere.
    </p>
  </div>`;
}

const MARKS = { fail: "✗", warn: "!", ok: "✓" } as const;
const WORDS = { fail: "Problem", warn: "Warning", ok: "Fine" } as const;

/** Faults first, each with what to do. */
function findingsView(findings: readonly Finding[]): Html {
  const sorted = (["fail", "warn", "ok"] as const).flatMap((status) =>
    findings.filter((finding) => finding.status === status),
  );
  return html`<ul class="findings">
      ${sorted.map(
        ({ check, status, says, advice }) =>
          html`<li class="card ${status}">
            <b
              ><span aria-hidden="true">${MARKS[status]}</span>
              <span class="hidden">${WORDS[status]}:</span> ${check}</b
            >
            <p>${prose(`${says} ${advice ?? ""}`)}</p>
          </li>`,
      )}
    </ul>
    <p class="soft">
      <code>${commandLine("doctor")}</code> on the server also reads the whole database.
    </p>`;
}

function dueView({ sessions, expired, maxAgeMs, everyMs, waiting }: DueSessions): Html {
  const age =
    maxAgeMs === Infinity
      ? "Conversations are kept until somebody deletes them (max-age never)."
      : `Conversations that nobody has used for ${ms(maxAgeMs, { long: true })} go; pinned ones stay.`;
  return html`<h2>What goes next</h2>
    <p>
      ${
        sessions === undefined
          ? "The conversations cannot be counted now."
          : html`${counted(sessions, "conversation")}; the next cleanup, within
            ${ms(everyMs, { long: true })}, deletes ${expired || "none"}.`
      }
      ${age}
    </p>
    ${
      waiting === undefined || waiting.until === null
        ? ""
        : html`<p class="card warn">
            ${counted(waiting.sessions, "conversation")} that the last run kept would go
            ${when(waiting.until, Date.now())}. A use, a pin or another max-age keeps them.
          </p>`
    }`;
}

/** The charts need a script; without it, the newest figures stand there. */
function chartsView(samples: readonly Sample[]): Html {
  const last = samples.at(-1);
  if (last === undefined)
    return html`<p class="empty" data-charts="/console/health/samples">
      The first figures come a minute after the start of the server.
    </p>`;
  const { callsPerSecond, commitsPerSecond, longestStallMs, databaseBytes, freeBytes } = last;
  const size = (some: number | undefined): string => (some === undefined ? "" : sizeText(some));
  return html`<div data-charts="/console/health/samples">
    ${table(
      "The last minute",
      ["Calls a second", "Commits a second", "Longest stall", "Database", "Free on the disk"],
      [
        [
          ...[callsPerSecond.toFixed(1), commitsPerSecond.toFixed(1)],
          ...[`${longestStallMs.toFixed(0)} ms`, size(databaseBytes), size(freeBytes)],
        ],
      ],
    )}
  </div>`;
}

/** Those that somebody has set; docs/configuration.md lists the others. */
function settingsView(settings: ConsoleOptions["settings"]): Html {
  const given = settings.filter(({ from }) => from !== "the default");
  if (given.length === 0) return html`<p class="empty">All have their defaults.</p>`;
  return html`${table(
      "Settings",
      ["Setting", "Value", "From"],
      given.map(({ name, value, from }) => [
        html`<code>${name}</code>`,
        html`<code>${value ?? ""}</code>`,
        from,
      ]),
    )}
    <p class="soft">${settings.length - given.length} others have their defaults.</p>`;
}
