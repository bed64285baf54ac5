// The forms of one conversation's page. Each does one thing and leads back to the page.
import type { Hono } from "hono";
import { AppError, toAppError } from "../../lib/errors.ts";
import { parseExactly } from "../../lib/json/exact-numbers.ts";
import { isDeep } from "../../lib/json/json.ts";
import type { SessionHandle } from "../../tools/session/session-handle.ts";
import type { ExportFormat } from "../../transfer/transfer.ts";
import {
  type ConsoleContext,
  type ConsoleEnv,
  type ConsoleOptions,
  formOf,
  logFailed,
  readSession,
  sessionToChange,
} from "../context.ts";
import { download } from "../parts/download.ts";
import { titleOf } from "../parts/names.ts";
import type { Talks } from "../talks.ts";
import { numberOf, sessionPage } from "./session.ts";

type Form = (name: string) => string;
/** Address to go to afterwards; the conversation's page by default. */
type Action = (
  handle: SessionHandle,
  form: Form,
  c: ConsoleContext,
  talks: Talks,
) => Promise<string | void>;

const ACTIONS: Readonly<Record<string, Action>> = {
  pin: async (handle, form) => void (await handle.update({ pinned: form("pinned") === "yes" })),

  async rename(handle, form) {
    const text = (field: string): string | null => form(field).trim() || null;
    const system = text("system") && form("system"); // kept as it was, to the letter
    await handle.update({ title: text("title"), name: text("name"), system });
  },

  async clear(handle, form) {
    const what = form("what");
    if (what !== "history" && what !== "state")
      throw new AppError("invalid", "The form does not say what to delete.");
    await handle.clear(what);
  },

  async delete(handle) {
    await handle.delete();
    return "/console/sessions";
  },

  async fork(handle, form) {
    const { id } = await handle.fork(numberOf(form("upto")));
    return `/console/sessions/${id}`;
  },

  async ask(handle, form, _c, talks) {
    await talks.ask(handle, { prompt: form("prompt") });
    return `/console/sessions/${handle.id}#ask`;
  },

  async retry(handle, _form, _c, talks) {
    const { seq, content } = await handle.lastQuestion();
    await talks.ask(handle, { prompt: content, again: { seq, content } });
    return `/console/sessions/${handle.id}#ask`;
  },

  async stop(handle, _form, _c, talks) {
    talks.stop(handle.id);
    return Promise.resolve(`/console/sessions/${handle.id}#ask`);
  },

  async share(handle, form) {
    const access = form("access") === "write" ? "write" : "read";
    await handle.share({ principal: form("principal").trim(), access });
  },

  unshare: async (handle, form) => void (await handle.unshare(form("principal"))),

  async state(handle, form) {
    const [key, ifVersion] = [form("key"), Number(form("version"))];
    if (form("do") === "delete") return void (await handle.state.delete(key, ifVersion));
    await handle.state.set(key, jsonOf(form("value")), { ifVersion });
  },

  "messages/:seq/delete": async (handle, _form, c) =>
    void (await handle.deleteMessages([numberOf(c.req.param("seq")) ?? 0])),
};

export function sessionFormRoutes(app: Hono<ConsoleEnv>, options: ConsoleOptions): void {
  for (const [path, action] of Object.entries(ACTIONS))
    app.post(`/sessions/:id/${path}`, async (c) => {
      const id = c.req.param("id");
      const handle = await sessionToChange(options, c.get("principal"), id);
      try {
        const next = await action(handle, await formOf(c), c, options.talks);
        return c.redirect(next ?? `/console/sessions/${id}`, 303);
      } catch (error) {
        const known = toAppError(error);
        if (known.code === "internal") throw error;
        return sessionPage(c, options, known);
      }
    });

  app.get("/sessions/:id/export", async (c) => {
    const principal = c.get("principal");
    const session = await readSession(options, principal, c.req.param("id"));
    const format: ExportFormat = c.req.query("format") === "markdown" ? "markdown" : "jsonl";
    const texts = options.transfer.export(session, format, { by: principal });
    const ending = format === "markdown" ? "md" : "jsonl";
    return download(c, {
      ...{ title: titleOf(session), ending, texts },
      onError: (error) => logFailed(options, error),
    });
  });
}

/** Deepest nesting of a value. */
const MAX_DEPTH = 64;

/** @throws AppError `invalid` for a text that is no JSON, or nested too deeply */
function jsonOf(text: string): unknown {
  try {
    if (!isDeep(text, MAX_DEPTH)) return parseExactly(text);
  } catch {
    throw new AppError("invalid", "The value is not JSON.", {
      hint: 'Text stands in quotes: "like this".',
    });
  }
  throw new AppError("invalid", `The value is nested more than ${MAX_DEPTH} deep.`);
}
