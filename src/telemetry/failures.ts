// Log lines about failed calls: the reason, the tool, the program. Never message content, never secrets.
import { AppError } from "../lib/errors.ts";
import type { Logger } from "./logger.ts";
import { redact } from "./redact.ts";

const MAX_REASON = 1_000;
const MAX_PROGRAM = 100;
const MAX_CAUSES = 5;
/** Shortest argument that is removed: a shorter one may be a word of the reason itself. */
const SHORTEST_QUOTE = 8;
/** Characters by which a shortened quote is recognized. */
const QUOTE_HEAD = 32;
const MAX_QUOTES = 1_000;

type Level = "warn" | "error";

export interface FailedCall {
  tool?: string;
  method?: string;
  /** The calling program's name for itself. */
  program: { name: string; version: string } | undefined;
  principal: string;
  request: string | undefined;
  /** Arguments, which the reason may quote and the log must not. */
  args: unknown;
}

export interface FailureLine {
  level: Level;
  message: string;
  /** Log the stack too: for unforeseen errors. */
  stack?: boolean;
  field?: string;
}

/** Level of the line; undefined for the caller's own mistakes. */
export function failureLevel({ code, cause }: AppError): Level | undefined {
  if (code === "storage") return "error";
  return code === "model" || code === "storage_full" || cause !== undefined ? "warn" : undefined;
}

/** Fields of a line: the reason of a foreseen error; an unforeseen one has its stack too. */
export function why(error: unknown): { reason: string } | { err: unknown } {
  if (error instanceof AppError && error.code !== "internal") return { reason: reasonOf(error) };
  return { err: (error instanceof AppError && error.cause) || error };
}

export function logFailure(
  log: Logger,
  error: unknown,
  { tool, method, program, principal, request, args }: FailedCall,
  { level, message, stack = false, field }: FailureLine,
): void {
  if (!log.isLevelEnabled(level)) return;
  const line = {
    ...{ tool, method, field, reason: reasonOf(error, args) },
    program: program && redact(`${program.name} ${program.version}`).slice(0, MAX_PROGRAM),
    ...{ principal, request, stack: stack ? placesOf(error) : undefined },
  };
  log[level](line, message);
}

/**
 * The messages of an error and its causes as one line, without quotes of `args`. Never throws, whatever the thrown
 * value.
 */
export function reasonOf(error: unknown, args?: unknown): string {
  try {
    const text = oneLine(messages(error));
    return redact(withoutQuotes(text, args)).slice(0, MAX_REASON);
  } catch {
    return "it cannot be shown";
  }
}

function messages(error: unknown, causes = MAX_CAUSES): string {
  if (!(error instanceof Error)) return textOf(error);
  const { message, name }: { message: unknown; name: unknown } = error; // of any type, in an error that is a tool's
  const own = String(message || name);
  const deeper = error instanceof AggregateError ? error.errors : [error.cause ?? []].flat();
  if (causes === 0) return own;
  const told = new Set(deeper.map((cause) => messages(cause, causes - 1)));
  const more = [...told].filter((text) => !own.includes(text));
  return more.length === 0 ? own : `${own} (${more.join("; ")})`;
}

/** A thrown value that is no error; some have a message of their own. */
function textOf(thrown: unknown): string {
  const { message } = (thrown ?? {}) as { message?: unknown };
  return typeof message === "string" ? message : String(thrown);
}

/** The stack without the message. */
function placesOf(error: unknown): string | undefined {
  try {
    const lines = (error as Error).stack?.split("\n") ?? [];
    return redact(lines.filter((line) => /^\s+at /.test(line)).join("\n")) || undefined;
  } catch {
    return undefined;
  }
}

function withoutQuotes(text: string, args: unknown): string {
  const said = [...texts(args)].map(oneLine).sort((a, b) => b.length - a.length);
  return said.slice(0, MAX_QUOTES).reduce(withoutQuote, text);
}

function withoutQuote(text: string, said: string): string {
  const head = said.slice(0, QUOTE_HEAD);
  let left = "";
  let from = 0;
  for (let at = text.indexOf(head); at !== -1; at = text.indexOf(head, from)) {
    let length = head.length;
    while (length < said.length && text[at + length] === said[length]) length += 1;
    left += `${text.slice(from, at)}[argument]`;
    from = at + length;
  }
  return left + text.slice(from);
}

function* texts(value: unknown): Generator<string> {
  if (typeof value === "string" && value.trim().length >= SHORTEST_QUOTE) yield value;
  if (typeof value === "object" && value !== null)
    for (const one of Object.values(value)) yield* texts(one);
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();
