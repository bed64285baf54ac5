// Matches uris against RFC 6570 templates, and gives their variables.
import { UriTemplate } from "@modelcontextprotocol/server";
import { textFault } from "../lib/text/text.ts";

export type Variables = Readonly<Record<string, string>>;

export interface Template {
  readonly names: readonly string[];
  /** The variables, decoded; undefined for a uri that does not come from this template. */
  match(uri: string): Variables | undefined;
}

/** A query at the end, such as `{?before,limit}`, whose variables may be left out and come in any order. */
const QUERY = /\{\?([^{}]+)\}$/;

/** @throws TypeError for text that is no template */
export function parseTemplate(text: string): Template {
  const optional = (QUERY.exec(text)?.[1]?.split(",") ?? []).map((name) => name.trim());
  const path = parse(text.replace(QUERY, ""));
  return {
    names: [...path.variableNames, ...optional],
    match(uri) {
      const at = optional.length > 0 ? uri.indexOf("?") : -1;
      const found = path.match(at < 0 ? uri : uri.slice(0, at));
      const query = new URLSearchParams(at < 0 ? "" : uri.slice(at));
      if (found === null || [...query.keys()].some((name) => !optional.includes(name)))
        return undefined;
      return decoded([...Object.entries(found), ...query]);
    },
  };
}

function parse(text: string): UriTemplate {
  const expressions = text.match(/\{[^{}]*\}/g) ?? [];
  const wrong = expressions.find((one) => !/^\{[+#./&]?[A-Za-z0-9_.%]+\}$/.test(one));
  if (wrong !== undefined)
    throw new TypeError(`${wrong}: expected one variable, such as {id}; a query comes last`);
  if (/[{}]/.test(text.replace(/\{[^{}]*\}/g, "")))
    throw new TypeError("its braces do not fit together");
  return new UriTemplate(text);
}

function decoded(entries: readonly [string, string | string[]][]): Variables | undefined {
  const variables: Record<string, string> = {};
  for (const [name, value] of entries) {
    try {
      variables[name] = decodeURIComponent(String(value));
    } catch {
      return undefined; // a stray percent sign
    }
    if (textFault(variables[name]) !== undefined) return undefined;
  }
  return variables;
}
