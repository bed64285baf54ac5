// Node 26 reads a package's package.json again for each import of the package and of each of its files: for drizzle-orm
// 180 KB, 110 times. These files are modules by their place and name, and a package is found once.
import { registerHooks } from "node:module";

const SOURCE = new URL("../src/", import.meta.url).href;
/** Packages of modules only, of which a start loads dozens of files. */
const MODULES = /\/node_modules\/(?:drizzle-orm|hono|zod)\//;
const found = new Map();

registerHooks({
  resolve(specifier, context, nextResolve) {
    const { parentURL = "", conditions } = context;
    if (!conditions.includes("import")) return nextResolve(specifier, context);
    if (specifier.startsWith(".")) {
      const format = formatOf(specifier, parentURL);
      if (format === undefined) return nextResolve(specifier, context);
      return { url: new URL(specifier, parentURL).href, format, shortCircuit: true };
    }
    if (!parentURL.startsWith(SOURCE)) return nextResolve(specifier, context);
    const known = found.get(specifier) ?? nextResolve(specifier, context);
    found.set(specifier, known);
    return { ...known, shortCircuit: true };
  },
});

function formatOf(specifier, parentURL) {
  if (specifier.endsWith(".ts") && parentURL.startsWith(SOURCE)) return "module-typescript";
  if (specifier.endsWith(".js") && MODULES.test(parentURL)) return "module";
  return undefined;
}
