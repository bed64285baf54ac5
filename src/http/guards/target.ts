// Parses an address: its session (`/mcp?session=ID`, `/mcp?name=NAME`, or `/mcp/NAME` for hosts that drop the query),
// and its toolsets (`?tools=core,chat`).
import {
  readToolsets,
  splitToolsets,
  TOOLSET_NAMES,
  type ToolsetName,
} from "../../config/toolsets.ts";
import { remember } from "../../lib/cache/remember.ts";
import { AppError } from "../../lib/errors.ts";
import { similarTo } from "../../lib/text/similar.ts";
import type { SessionTarget } from "../../sessions/session.ts";
import { checkName } from "../../sessions/texts.ts";

/** Parameters that this server reads. Others are ignored. */
const PARAMETERS = ["name", "session", "tools"];

export interface Address {
  /** The session that the address names. */
  target: SessionTarget | undefined;
  /** The toolsets that the address names. */
  toolsets: readonly ToolsetName[] | undefined;
}

/** `url`: of a request to /mcp or below. @throws AppError `invalid` */
export const readAddress: (url: string) => Address = remember((url) => {
  const { searchParams: query } = new URL(url);
  return { target: sessionTarget(url, query), toolsets: wantedToolsets(query.getAll("tools")) };
});

function sessionTarget(url: string, query: URLSearchParams): SessionTarget | undefined {
  checkEncoding(url);
  for (const parameter of query.keys()) checkParameter(parameter);
  const ids = namedBy(query.getAll("session"));
  const names = namedBy([...query.getAll("name"), nameInPath(url)]);
  if (ids.length + names.length > 1) {
    throw new AppError(
      "invalid",
      "The address names a session twice: give ?session=, ?name= or /mcp/NAME, and only one.",
    );
  }
  const [[id], [name]] = [ids, names];
  if (id !== undefined) return { id };
  if (name === undefined) return undefined;
  checkName(name);
  return { name };
}

/** @throws AppError `invalid` for an unknown name */
function wantedToolsets(given: readonly string[]): readonly ToolsetName[] | undefined {
  const text = given.join(",");
  const names = splitToolsets(text);
  const known: readonly string[] = TOOLSET_NAMES;
  const wrong = names.find((name) => !known.includes(name));
  if (wrong === undefined) return readToolsets(text);
  throw new AppError("invalid", `?tools=: there is no toolset ${JSON.stringify(wrong)}.`, {
    hint: `There are ${TOOLSET_NAMES.join(", ")}; several are separated by commas.`,
  });
}

/** The part of an address after /mcp/, still encoded; empty without one. */
export function pathName(url: string): string {
  const [, name = ""] = /^[^?#]*?\/mcp\/([^/?#]+)\/?(?:[?#]|$)/.exec(url) ?? [];
  return name;
}

function nameInPath(url: string): string {
  try {
    return decodeURIComponent(pathName(url));
  } catch {
    throw new AppError("invalid", "The name in the address is not percent-encoded UTF-8.");
  }
}

/** Refuse bytes that are no UTF-8: `URL` replaces them, and different names would become one. */
function checkEncoding(url: string): void {
  const [, query = ""] = /^[^?#]*\?([^#]*)/.exec(url) ?? [];
  for (const part of query.split("&")) {
    const [parameter = "", value = ""] = part.split("=");
    if (!PARAMETERS.includes(parameter)) continue;
    try {
      decodeURIComponent(value);
    } catch {
      throw new AppError("invalid", `${parameter} in the address is not percent-encoded UTF-8.`);
    }
  }
}

/** Distinct names: the same name in the path and in the query counts once. */
const namedBy = (given: readonly string[]): string[] => [...new Set(given.filter(Boolean))];

/** Refuse a mistyped parameter: it would silently lead to another session. */
function checkParameter(parameter: string): void {
  if (PARAMETERS.includes(parameter)) return;
  const meant = similarTo(parameter.toLowerCase().replace(/[-_.]/g, ""), PARAMETERS);
  if (meant === undefined) return;
  const shown = JSON.stringify(parameter.slice(0, 64));
  throw new AppError("invalid", `The address has a parameter ${shown}: did you mean ${meant}?`);
}
