// What programs do now: running calls, tasks, the last calls, connected programs. The operator sees everybody's, and the audit.
import { createHash } from "node:crypto";
import type { Hono } from "hono";
import { html } from "hono/html";
import { may, type Principal } from "../../auth/principal.ts";
import { AppError } from "../../lib/errors.ts";
import type { ConnectedClient } from "../../sessions/store.ts";
import { hasEnded, type Task } from "../../tasks/task.ts";
import type { CallRecord, EndedCall, RunningCall } from "../../tools/call-activity.ts";
import {
  checkMayWrite,
  type ConsoleContext,
  type ConsoleEnv,
  type ConsoleOptions,
} from "../context.ts";
import { type Html, page, tokenInput, when } from "../layout.ts";
import { table } from "../parts/table.ts";
import { auditPage, auditRoutes, auditTable } from "./audit.ts";

/** Rows of each table. */
const MOST = 25;

export function activityRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  const { calls } = options;
  taskRoutes(app, options);
  auditRoutes(app, options);
  app.get("/activity", async (c) => {
    const principal = c.get("principal");
    const isOperator = may(principal, "admin");
    const [{ clients, tasks, running, ended }, audit] = await Promise.all([
      activityOf(options, principal),
      isOperator ? auditPage(options) : undefined,
    ]);
    const view: ActivityView = { isOperator, principal, now: Date.now(), running, ended };
    return c.html(
      page(c, {
        title: "Activity",
        section: "activity",
        body: html`<h1>Activity</h1>
          <div
            id="activity"
            hx-get="/console/activity"
            data-live="activity"
            hx-trigger="live, every 30s"
            hx-select="#activity"
            hx-swap="outerHTML settle:0ms"
          >
            ${runningView(c, view)} ${taskView(c, view, tasks)} ${endedView(view)}
            ${clientView(view, clients)}
            ${
              audit &&
              html`<h2>Audit</h2>
                ${auditTable(audit, view.now)}`
            }
          </div>`,
      }),
    );
  });

  app.post("/activity/:id/stop", (c) => {
    const [principal, id] = [c.get("principal"), c.req.param("id")];
    checkMayWrite(c);
    const call = calls.running().find((one) => one.id === id);
    if (call === undefined || !isSeenBy(principal)(call))
      throw new AppError("not_found", "This call has ended, or runs in another process.");
    calls.stop(id);
    return c.redirect("/console/activity", 303);
  });
}

/** What the principal sees of everybody's work. */
async function activityOf(options: ConsoleOptions, principal: Principal) {
  const { calls } = options;
  const isOperator = may(principal, "admin");
  const [clients, tasks] = await Promise.all([
    options.connected(isOperator ? undefined : principal.id, MOST),
    isOperator
      ? options.tasks.tasks.list({ limit: MOST })
      : options.tasks.list({ limit: MOST }, principal).then((page) => page.tasks),
  ]);
  return {
    ...{ clients, tasks },
    running: calls.running().filter(isSeenBy(principal)).toReversed(),
    ended: calls.ended().filter(isSeenBy(principal)).slice(0, MOST),
  };
}

/** Tells when the page shows something new, times aside. See live/route.ts. */
export async function activityRevision(
  options: ConsoleOptions,
  principal: Principal,
): Promise<string> {
  const [{ clients, tasks, running, ended }, audit] = await Promise.all([
    activityOf(options, principal),
    may(principal, "admin") ? options.audit(1) : [],
  ]);
  const shown = [
    running.map(({ id, progress }) => [id, progress]),
    ended[0]?.id,
    tasks.map((task) => [task.id, task.status, task.progress, saysOf(task, principal)]),
    clients.map(({ owner, name, version, createdAt }) => [owner, name, version, createdAt]),
    audit,
  ];
  return createHash("sha256").update(JSON.stringify(shown)).digest("base64url");
}

/** To be called by `activityRoutes`. */
function taskRoutes(app: Hono<ConsoleEnv>, { tasks }: ConsoleOptions): void {
  app.post("/activity/tasks/:id/cancel", async (c) => {
    const [principal, id] = [c.get("principal"), c.req.param("id")];
    checkMayWrite(c);
    const how = may(principal, "admin")
      ? await tasks.tasks.cancel(id, undefined)
      : await tasks.cancel(id, principal);
    if (how === undefined) throw new AppError("not_found", "This task is no longer there.");
    return c.redirect("/console/activity", 303);
  });
}

interface ActivityView {
  isOperator: boolean;
  principal: Principal;
  now: number;
  running: readonly RunningCall[];
  ended: readonly EndedCall[];
}

const isSeenBy =
  (principal: Principal) =>
  (call: CallRecord): boolean =>
    call.principal === principal.id || may(principal, "admin");

const runningView = (c: ConsoleContext, view: ActivityView): Html =>
  html`<h2>Running</h2>
    ${
      view.running.length === 0
        ? html`<p class="empty">No call is running.</p>`
        : table(
            "Running calls",
            [...callHeads(view), "Progress", ""],
            view.running
              .slice(0, MOST)
              .map((call) => [
                ...callCells(view, call),
                progressOf(call),
                call.isStoppable
                  ? html`<form method="post" action="/console/activity/${call.id}/stop">
                      ${tokenInput(c)}<button
                        id="stop-${call.id}"
                        class="quiet"
                        aria-label="Stop ${call.tool}"
                      >
                        Stop
                      </button>
                    </form>`
                  : "",
              ]),
          )
    }
    ${view.running.length > MOST ? html`<p class="soft">… and ${view.running.length - MOST} older ones</p>` : ""}`;

const taskView = (c: ConsoleContext, view: ActivityView, tasks: readonly Task[]): Html =>
  html`<h2>Tasks</h2>
    ${
      tasks.length === 0
        ? html`<p class="empty">No call has become a task.</p>`
        : table(
            "Tasks",
            ["Tool", ...(view.isOperator ? ["Of"] : []), "Begun", "Status", "Progress", ""],
            tasks.map((task) => [
              task.tool,
              ...(view.isOperator ? [task.owner] : []),
              when(task.createdAt, view.now),
              saysOf(task, view.principal) === null
                ? STATUS[task.status]
                : html`${STATUS[task.status]}
                    <span class="soft lines" dir="auto">${task.statusMessage}</span>`,
              task.status === "working" && task.progressTotal !== null
                ? bar(task.progress ?? 0, task.progressTotal)
                : "",
              hasEnded(task)
                ? ""
                : html`<form method="post" action="/console/activity/tasks/${task.id}/cancel">
                    ${tokenInput(c)}<button
                      id="cancel-${task.id}"
                      class="quiet"
                      aria-label="Cancel ${task.tool}"
                    >
                      Cancel
                    </button>
                  </form>`,
            ]),
          )
    }`;

/** What a task says may quote what was sent: it is its owner's alone. */
const saysOf = ({ owner, statusMessage }: Task, principal: Principal): string | null =>
  owner === principal.id ? statusMessage : null;

const STATUS: Readonly<Record<Task["status"], string>> = {
  working: "working",
  input_required: "waits for an answer",
  completed: "completed",
  failed: "failed",
  cancelled: "cancelled",
};

const endedView = (view: ActivityView): Html =>
  html`<h2>Last calls</h2>
    ${
      view.ended.length === 0
        ? html`<p class="empty">
            No program has called a tool of this process since it was started.
          </p>`
        : table(
            "Last calls",
            [...callHeads(view), "Outcome", "Took"],
            view.ended.map((call) => [
              ...callCells(view, call),
              // A failure may quote what was sent: it is its caller's alone.
              call.reason === undefined || call.principal !== view.principal.id
                ? call.outcome
                : html`${call.outcome} <span class="soft lines" dir="auto">${call.reason}</span>`,
              html`<span class="whole">${Math.max(1, Math.round(call.ms))} ms</span>`,
            ]),
          )
    }`;

const callHeads = ({ isOperator }: ActivityView): string[] => [
  ...["Tool", "Program"],
  ...(isOperator ? ["Of"] : []),
  "Begun",
];

const callCells = ({ isOperator, principal, now }: ActivityView, call: CallRecord): Cell[] => [
  call.session !== undefined && call.principal === principal.id
    ? html`<a id="call-${call.id}" href="/console/sessions/${call.session}">${call.tool}</a>`
    : call.tool,
  call.program ?? "",
  ...(isOperator ? [call.principal] : []),
  when(call.startedAt, now),
];

type Cell = Html | string;

function progressOf({ progress }: RunningCall): Cell {
  if (progress === undefined) return "";
  const { done, total, message } = progress;
  return total === undefined
    ? html`${done} ${message ?? ""}`
    : html`${bar(done, total)} ${message ?? ""}`;
}

const bar = (done: number, total: number): Html =>
  html`<progress max="${total}" value="${done}" aria-label="Progress"></progress>`;

const clientView = ({ isOperator, now }: ActivityView, clients: readonly ConnectedClient[]): Html =>
  html`<h2>Connected programs</h2>
    ${
      clients.length === 0
        ? html`<p class="empty">None. <a href="/console/connect">Connect one</a>.</p>`
        : table(
            "Connected programs",
            ["Program", "Protocol", ...(isOperator ? ["Of"] : []), "Since", "Last request"],
            clients.map((client) => [
              `${client.name} ${client.version}`,
              client.protocolVersion,
              ...(isOperator ? [client.owner] : []),
              when(client.createdAt, now),
              client.lastSeenAt === 0 ? "listens" : when(client.lastSeenAt, now),
            ]),
          )
    }`;
