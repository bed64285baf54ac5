// Puts one server into the text of a program's configuration. All other text stays unchanged, comments included.
import { isDeepStrictEqual } from "node:util";
import {
  applyEdits,
  findNodeAtLocation,
  getNodeValue,
  modify,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import { parse, stringify, TomlError } from "smol-toml";
import { json, nested } from "../../http/connect/snippet.ts";
import { AppError } from "../../lib/errors.ts";

type Table = Record<string, unknown>;

export interface Edit {
  text: string;
  /** Previous value of the entry. */
  before: unknown;
}

/**
 * Put an entry into JSON.
 * @param text - JSON with comments, or nothing
 * @param path - the path of the entry
 * @throws AppError `invalid` for text that is no JSON object, or has another value on the entry's path
 */
export function putIntoJson(text: string, path: string[], entry: object): Edit {
  if (text.trim() === "") return { text: `${json(nested(path, entry))}\n`, before: undefined };
  const errors: ParseError[] = [];
  const options = { allowTrailingComma: true };
  const tree = parseTree(text, errors, options);
  if (errors[0] !== undefined) {
    const line = text.slice(0, errors[0].offset).split("\n").length;
    throw broken(`line ${line}: ${printParseErrorCode(errors[0].error)}`);
  }
  for (let depth = 0; depth < path.length; depth += 1) {
    const node = tree && findNodeAtLocation(tree, path.slice(0, depth));
    if (node !== undefined && node.type !== "object")
      throw broken(`${path.slice(0, depth).join(".") || "the whole"} is no object`);
  }
  const old = tree && findNodeAtLocation(tree, path);
  const before: unknown = old && getNodeValue(old);
  if (isDeepStrictEqual(before, entry)) return { text, before };
  const [, indent = "  "] = /^([ \t]+)\S/m.exec(text) ?? [];
  const formattingOptions = {
    ...{ insertSpaces: !indent.startsWith("\t"), tabSize: indent.length },
    eol: text.includes("\r\n") ? "\r\n" : "\n",
  };
  return { text: applyEdits(text, modify(text, path, entry, { formattingOptions })), before };
}

/**
 * Put an entry into TOML.
 * @param path - a table, and the entry's name in it
 * @throws AppError `invalid` for text that is no TOML, or spells the table in a way that this function cannot edit
 */
export function putIntoToml(
  text: string,
  path: [table: string, name: string],
  entry: object,
): Edit {
  const [table, name] = path;
  const known = readToml(text);
  const servers = (known[table] ?? {}) as Table;
  const before = servers[name];
  if (isDeepStrictEqual(before, entry)) return { text, before };
  const kept = withoutTable(text, path).trimEnd();
  const added = stringify({ [table]: { [name]: entry } });
  const result = `${kept === "" ? "" : `${kept}\n\n`}${added}`;
  const wanted = { ...known, [table]: { ...servers, [name]: entry } };
  if (!isDeepStrictEqual(tryToml(result), wanted))
    throw broken(`${table} is written there in a way that is not changed here`);
  return { text: result, before };
}

function readToml(text: string): Table {
  try {
    return plain(parse(text));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw broken(`line ${error.line}: ${error.message.split("\n")[0]}`);
  }
}

function tryToml(text: string): Table | undefined {
  try {
    return plain(parse(text));
  } catch {
    return undefined;
  }
}

/** Drop the parser's prototypes, which would make equal tables differ. */
const plain = (value: Table): Table => structuredClone(value);

/** All lines except those of `[table.name]` and of the tables in it. */
function withoutTable(text: string, [table, name]: [string, string]): string {
  const own = new RegExp(String.raw`^\s*\[\s*${table}\s*\.\s*"?${name}"?\s*(\.[^\]]+)?\]`);
  let inside = false;
  return text
    .split("\n")
    .filter((line) => {
      if (/^\s*\[/.test(line)) inside = own.test(line);
      return !inside;
    })
    .join("\n");
}

const broken = (reason: string): AppError => new AppError("invalid", reason);
