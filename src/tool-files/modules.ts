// Imports files from outside the program, in a clone, an installed package, and the single executable. There, a plain
// `import()` finds only Node's own modules. Names that the program provides resolve to the program's own copy, so a
// file needs no node_modules and shares classes with the program.
import { readFileSync } from "node:fs";
import { createRequire, registerHooks, stripTypeScriptTypes } from "node:module";
import { fileURLToPath } from "node:url";
import { reasonOf } from "../telemetry/failures.ts";

/** Modules for files, by specifier: the exports of each by name. */
export type Provided = Readonly<Record<string, object>>;

/** Query parameter that marks imported modules and their imports: with a new number, Node reads a file again. */
const MARK = "holdfast-tools";
const SCHEME = `${MARK}:`;
const IMPORT = `${SCHEME}import`;
/** Global key under which the sources below find the program's objects. */
const KEY = Symbol.for(MARK);

type Import = (url: string) => Promise<Record<string, unknown>>;

/** Source of a module that `require` loads: it belongs to Node's own loader, so its `import()` can read files. */
const IMPORT_SOURCE = "export default (url) => import(url);";

let importer: Import | undefined;
let generation = 0;

export interface Importer {
  /** Run the module and everything that it imports by a relative path. */
  import: Import;
}

/** Make an importer that reads every file once; the next importer reads the files again. */
export function newImporter(provided: Provided): Importer {
  (globalThis as Record<symbol, unknown>)[KEY] = provided;
  importer ??= hook();
  const load = importer;
  const mark = ++generation;
  imports.clear();
  return { import: (url) => load(marked(url, mark)) };
}

function hook(): Import {
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === IMPORT) return ours(IMPORT);
      const mark = context.parentURL && URL.parse(context.parentURL)?.searchParams.get(MARK);
      if (!mark) return next(specifier, context);
      if (specifier in provided()) return ours(SCHEME + specifier);
      if (!/^\.\.?\//.test(specifier)) return next(specifier, context);
      const found = orTypeScript(specifier, (name) => next(name, context));
      noteImport(context.parentURL!, found.url);
      return { ...found, url: marked(found.url, mark) };
    },
    load(url, context, next) {
      if (url.startsWith(SCHEME))
        return { format: "module", shortCircuit: true, source: sourceOf(url) };
      const { pathname, searchParams } = new URL(url);
      const format = searchParams.has(MARK) ? formatOf(pathname) : undefined;
      return next(url, format ? { ...context, format } : context);
    },
  });
  const module = createRequire(process.execPath)(IMPORT) as { default: Import };
  return module.default;
}

/** Compilers of TypeScript want `./words.js` for words.ts. */
function orTypeScript<Found>(specifier: string, find: (name: string) => Found): Found {
  try {
    return find(specifier);
  } catch (error) {
    try {
      return find(specifier.replace(/\.(m?)js$/, ".$1ts"));
    } catch {
      throw error;
    }
  }
}

const provided = (): Provided => (globalThis as Record<symbol, unknown>)[KEY] as Provided;

const ours = (url: string) => ({ url, format: "module" as const, shortCircuit: true });

const marked = (url: string, mark: number | string): string =>
  `${url}${url.includes("?") ? "&" : "?"}${MARK}=${mark}`;

/** Format by extension: without a package.json, Node would have to guess. */
function formatOf(path: string): "module" | "module-typescript" | undefined {
  if (/\.m?ts$/.test(path)) return "module-typescript";
  return /\.m?js$/.test(path) ? "module" : undefined;
}

function sourceOf(url: string): string {
  if (url === IMPORT) return IMPORT_SOURCE;
  const specifier = url.slice(SCHEME.length);
  const names = Object.keys(provided()[specifier] ?? {});
  return [
    `const own = globalThis[Symbol.for(${JSON.stringify(MARK)})][${JSON.stringify(specifier)}];`,
    ...names.map(
      (name, i) =>
        `const e${i} = own[${JSON.stringify(name)}]; export { e${i} as ${JSON.stringify(name)} };`,
    ),
  ].join("\n");
}

/**
 * `reason (file.ts, line 3)`: one line, with the place in the file or in one of its imports, if it is known. `url`: the file
 * that was being loaded. Never throws, whatever the thrown value.
 */
export function faultOf(error: unknown, url?: string): string {
  const isSyntax = error instanceof SyntaxError;
  const place = placeOf(error) || (isSyntax && url ? placeOf(syntaxFault(url)) : "");
  return `${kindOf(error)}${reasonOf(isSyntax ? firstLine(error) : error).replace(MARKS, "")}${place}`;
}

const MARKS = new RegExp(`[?&]${MARK}=\\d+`, "g");

/** The parser of TypeScript adds an excerpt. */
const firstLine = ({ message }: SyntaxError): string => message.split("\n", 1)[0]!;

function kindOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ` : "it threw ";
  } catch {
    return "";
  }
}

function placeOf(error: unknown): string {
  try {
    const stack = error instanceof Error ? error.stack : "";
    const place = new RegExp(`([^/\\s?]+)\\?${MARK}=\\d+:(\\d+)`).exec(stack ?? "");
    return place ? ` (${decodeURIComponent(place[1]!)}, line ${place[2]})` : "";
  } catch {
    return "";
  }
}

/** Imports by a relative path of each file that was loaded, by url without its mark. */
const imports = new Map<string, Set<string>>();

function noteImport(parent: string, url: string): void {
  const file = parent.replace(MARKS, "");
  const known = imports.get(file) ?? new Set();
  imports.set(file, known.add(url.replace(MARKS, "")));
}

/** The fault that the parser of TypeScript finds in a file of JavaScript or in its imports: Node names no line for it. */
function syntaxFault(url: string, seen = new Set<string>()): unknown {
  const own = url.replace(MARKS, "");
  if (seen.has(own)) return undefined;
  seen.add(own);
  const inside = [...(imports.get(own) ?? [])].map((imported) => syntaxFault(imported, seen));
  return inside.find(Boolean) ?? (formatOf(new URL(own).pathname) && faultIn(own));
}

function faultIn(url: string): unknown {
  const { emitWarning } = process;
  process.emitWarning = () => undefined; // the call is an experiment of Node, and says so on standard error
  try {
    stripTypeScriptTypes(readFileSync(fileURLToPath(url), "utf8"), { sourceUrl: marked(url, 0) });
    return undefined;
  } catch (error) {
    return error instanceof SyntaxError ? error : undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}
