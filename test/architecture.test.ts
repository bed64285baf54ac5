// The plan of the house: a file imports only from floors below its own or from its own folder, and never in a circle.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { ESLint } from "eslint";
import { getFileInfo } from "prettier";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const CLONE = fileURLToPath(new URL("..", import.meta.url));
const ROOT = join(CLONE, "src");

/** The floor of each folder and of each file that stands alone. */
const FLOORS: Record<string, number> = {
  lib: 0,
  search: 0,
  updates: 0,
  "version.ts": 0,
  auth: 1,
  config: 1,
  idempotency: 1,
  instances: 1,
  jobs: 1,
  telemetry: 1,
  chat: 2,
  events: 2,
  protocol: 2,
  sessions: 2,
  state: 2,
  clients: 3,
  definitions: 3,
  models: 3,
  transfer: 3,
  prompts: 4,
  resources: 4,
  storage: 4,
  tools: 4,
  mcp: 5,
  "tool-files": 5,
  http: 6,
  console: 7,
  app: 8,
  "holdfast.ts": 9,
  cli: 10,
  "index.ts": 10,
  "main.ts": 11,
};

const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".ts"),
);

const imports = new Map(
  files.map((file) => {
    const { importedFiles } = ts.preProcessFile(readFileSync(join(ROOT, file), "utf8"), true, true);
    const own = importedFiles
      .map(({ fileName }) => fileName)
      .filter((name) => name.startsWith("."));
    return [file, own.map((name) => relative(ROOT, join(ROOT, dirname(file), name)))];
  }),
);

const roomOf = (file: string): string => file.split("/")[0]!;

describe("the architecture", () => {
  it("gives every folder and every file of src a floor", () => {
    expect([...new Set(files.map(roomOf))].sort()).toEqual(Object.keys(FLOORS).sort());
  });

  it("imports only downward, or within a folder", () => {
    const wrong = [...imports].flatMap(([file, targets]) =>
      targets
        .filter((target) => roomOf(target) !== roomOf(file))
        .filter((target) => FLOORS[roomOf(target)]! >= FLOORS[roomOf(file)]!)
        .map((target) => `${file} → ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it("has no circle between files", () => {
    const circles: string[] = [];
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
      if (done.has(file) || path.includes(file)) return;
      for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(circles).toEqual([]);
  });

  it("has no folder with more than a dozen files", () => {
    const counts = Object.groupBy(files, (file) => dirname(file));
    const full = Object.entries(counts).filter(([, inside]) => inside!.length > 12);
    expect(full.map(([folder, inside]) => `${folder}: ${inside!.length}`)).toEqual([]);
  });

  it("keeps SQL and the database library in storage", () => {
    const outside = files.filter((file) => !file.startsWith("storage/"));
    const wrong = outside.filter((file) =>
      /from "(drizzle-orm|better-sqlite3)/.test(readFileSync(join(ROOT, file), "utf8")),
    );
    expect(wrong).toEqual([]);
  });

  it("knows of a storage engine inside storage only", () => {
    const engine = /^storage\/[^/]+\//;
    const wrong = [...imports].flatMap(([file, targets]) =>
      roomOf(file) === "storage" ? [] : targets.filter((target) => engine.test(target)),
    );
    expect(wrong).toEqual([]);
  });

  it("ends the process and listens to signals in main.ts only", () => {
    const wrong = files.filter(
      (file) =>
        file !== "main.ts" && /process\.(exit\(|on\()/.test(readFileSync(join(ROOT, file), "utf8")),
    );
    expect(wrong).toEqual([]);
  });
});

it("formats and lints the project's own files, and none that a user keeps in the clone", async () => {
  const eslint = new ESLint({ cwd: CLONE });
  const isFormatted = async (file: string): Promise<boolean> =>
    !(await getFileInfo(join(CLONE, file), { ignorePath: join(CLONE, ".prettierignore") })).ignored;
  for (const file of ["garden.md", "notes.json", "tools/mine.ts", "mine.ts", "data/export.json"]) {
    expect(await isFormatted(file), file).toBe(false);
    if (file.endsWith(".ts")) expect(await eslint.isPathIgnored(file), file).toBe(true);
  }
  for (const file of ["README.md", "src/main.ts", "test/architecture.test.ts", "bin/formats.js"]) {
    expect(await isFormatted(file), file).toBe(true);
    if (!file.endsWith(".md")) expect(await eslint.isPathIgnored(file), file).toBe(false);
  }
});
