// The plan of the house: a file imports only from floors below its own or from its own folder, and never in a circle.
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/folder.ts";
import { run } from "./support/process.ts";

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
  oauth: 2,
  protocol: 2,
  sessions: 2,
  state: 2,
  clients: 3,
  definitions: 3,
  models: 3,
  tasks: 3,
  transfer: 3,
  prompts: 4,
  resources: 4,
  storage: 4,
  tools: 4,
  imports: 5,
  mcp: 5,
  "tool-files": 5,
  http: 6,
  health: 7,
  console: 8,
  app: 9,
  "holdfast.ts": 10,
  cli: 11,
  "index.ts": 11,
  "main.ts": 12,
};

/** Name of a file in an import, static or not, or in an export. */
const OWN_IMPORT = /\b(?:from |import |import\()"(\.[^"]*)"/g;

const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".ts"),
);

const imports = new Map(
  files.map((file) => {
    const own = readFileSync(join(ROOT, file), "utf8").matchAll(OWN_IMPORT);
    return [file, [...own].map(([, name]) => relative(ROOT, join(ROOT, dirname(file), name!)))];
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
  const clone = temporaryFolder();
  symlinkSync(join(CLONE, "node_modules"), join(clone, "node_modules"));
  for (const name of [".gitignore", "oxfmt.config.ts", "oxlint.config.ts"])
    copyFileSync(join(CLONE, name), join(clone, name));
  const users = ["garden.md", "notes.json", "tools/mine.ts", "mine.ts", "data/export.json"];
  const own = ["README.md", "bin/formats.js", "src/main.ts", "test/architecture.test.ts"];
  for (const name of [...users, ...own]) {
    mkdirSync(dirname(join(clone, name)), { recursive: true });
    writeFileSync(join(clone, name), name.endsWith(".md") ? "*a*" : "[ ]");
  }
  const list = async (name: string, ...args: string[]): Promise<string[]> => {
    const program = [process.execPath, join(CLONE, "node_modules", name, "bin", name)];
    const { stdout } = await run(args, { program, cwd: clone });
    return stdout.trim().split("\n").sort();
  };
  expect(await list("oxfmt", "--list-different")).toEqual(own);
  const code = [
    ...own.filter((name) => !name.endsWith(".md")),
    "oxfmt.config.ts",
    "oxlint.config.ts",
  ];
  expect(await list("oxlint", "--debug=files")).toEqual(code.sort());
});
