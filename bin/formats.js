// Node 26 reads all of a package's package.json again for each import of it and each file inside it. drizzle-orm has 110
// files and 180 KB of package.json: half of a start's time. Its files are modules, so nobody has to look.
import { registerHooks } from "node:module";

const PACKAGE = "drizzle-orm";
const found = new Map();

registerHooks({
  resolve(specifier, context, nextResolve) {
    const { parentURL } = context;
    if (/^\.\.?\/.*\.js$/.test(specifier) && parentURL?.includes(`/node_modules/${PACKAGE}/`)) {
      return { url: new URL(specifier, parentURL).href, format: "module", shortCircuit: true };
    }
    if (specifier !== PACKAGE && !specifier.startsWith(`${PACKAGE}/`))
      return nextResolve(specifier, context);
    const known = found.get(specifier) ?? nextResolve(specifier, context);
    found.set(specifier, known);
    return { ...known, shortCircuit: true };
  },
});
