// The audit, for the operator: its newest entries beside what programs do now, and older ones on a page of their own.
import type { Hono } from "hono";
import { html } from "hono/html";
import type { AuditEntry } from "../../auth/audit.ts";
import { counted } from "../../lib/text/plural.ts";
import { checkIsOperator, type ConsoleEnv, type ConsoleOptions } from "../context.ts";
import { type Html, page, when } from "../layout.ts";
import { table } from "../parts/table.ts";

const ROWS = 25;
/** Entries that are read at once where many of them are one row. */
const READ = 500;

/** Entries that are one row, the newest first. */
type Row = AuditEntry & { count: number };

export interface AuditPage {
  rows: readonly Row[];
  /** Id of the last entry that is in a row; absent on the last page. */
  last?: number;
}

/** Each import of many sessions is one row. */
const isOneRow = (newer: AuditEntry, older: AuditEntry): boolean =>
  newer.action === "session imported" &&
  newer.action === older.action &&
  newer.principal === older.principal;

export async function auditPage(
  { audit }: Pick<ConsoleOptions, "audit">,
  before?: number,
): Promise<AuditPage> {
  const rows: Row[] = [];
  let last = before;
  for (let limit = ROWS + 1; ; limit = READ) {
    const entries = await audit(limit, last);
    for (const entry of entries) {
      const newer = rows.at(-1);
      if (newer !== undefined && isOneRow(newer, entry)) newer.count += 1;
      else if (rows.length === ROWS) return { rows, last: last! };
      else rows.push({ ...entry, count: 1 });
      last = entry.id;
    }
    if (entries.length < limit) return { rows };
  }
}

/** The page with older entries. */
export function auditRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  app.get("/activity/audit", async (c) => {
    checkIsOperator(c);
    const before = Number(c.req.query("before"));
    const found = await auditPage(options, Number.isSafeInteger(before) ? before : undefined);
    const body = html`<h1>Audit</h1>
      ${auditTable(found, Date.now())}`;
    return c.html(page(c, { title: "Audit", section: "activity", body }));
  });
}

export const auditTable = ({ rows, last }: AuditPage, now: number): Html =>
  html`${
    rows.length === 0
      ? html`<p class="empty">Nothing was created, shared or deleted yet.</p>`
      : table(
          "Audit",
          ["When", "Who", "What", "Which", "Detail"],
          rows.map(({ at, principal, action, subject, detail, count }) => [
            when(at, now),
            ...[principal, action],
            count > 1 ? counted(count, "session") : html`<code>${subject}</code>`,
            count > 1 ? "" : (detail ?? ""),
          ]),
        )
  }
  ${last === undefined ? "" : html`<p><a href="/console/activity/audit?before=${last}">Older entries</a></p>`}`;
