// Bundles the program and its packages: as one file, which the binary contains, or as a folder of files that are loaded
// on demand, which starts fastest.
import { join } from "node:path";
import { build, type Plugin } from "esbuild";

const MAIN = "src/main.ts";

/**
 * Takes node:http as it is. An import of it reads all of its exports, some of which load Node's client for WebSocket: a
 * tenth of a start's time.
 */
const plainHttp: Plugin = {
  name: "plain node:http",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?https?$/, namespace: "file" }, ({ path, kind }) =>
      kind === "import-statement" ? { path, namespace: "builtin" } : undefined,
    );
    onLoad({ filter: /./, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule("${path}");`,
    }));
  },
};

/**
 * `output`: the file, or the folder, whose `main.mjs` is the program; `scripts` in the folder are more files to start, by
 * their names there, which share the program's modules. Returns the paths of the files that are in it.
 */
export async function bundle(
  output: { file: string } | { folder: string; scripts?: Readonly<Record<string, string>> },
): Promise<readonly string[]> {
  const { metafile } = await build({
    absWorkingDir: join(import.meta.dirname, ".."), // root of the paths in the bundle's comments
    entryPoints: "file" in output ? [MAIN] : { main: MAIN, ...output.scripts },
    ...("file" in output
      ? { outfile: output.file }
      : {
          outdir: output.folder,
          splitting: true,
          outExtension: { ".js": ".mjs" },
          external: ["better-sqlite3"], // finds its addon beside itself
        }),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24", // the oldest that runs the package
    supported: { using: true }, // in Node 24 it is
    minifySyntax: true,
    mainFields: ["module", "main"], // jsonc-parser's other form hides its requires from the bundler
    // Define `require`: bundled CommonJS packages load Node's own modules with it. A package may have a `process` of its own.
    banner: {
      js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(globalThis.process.execPath);',
    },
    plugins: [plainHttp],
    logLevel: "warning",
    metafile: true,
  });
  return Object.keys(metafile.inputs);
}
