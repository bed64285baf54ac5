// The README and docs/sql.md tell the truth: the SQL runs as written while the server runs, the tool example works in a
// folder and in the program of docs/tools.md, the lists are whole.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { currentAssets, generatedAssets } from "../../scripts/embed-assets.ts";
import { current, generated } from "../../scripts/embed-migrations.ts";
import { settings } from "../../src/config/config.ts";
import { MEMORY, openConnection, type Sqlite } from "../../src/storage/sqlite/engine/connection.ts";
import { migrate } from "../../src/storage/sqlite/schema/migrate.ts";
import { migrations } from "../../src/storage/sqlite/schema/migrations.ts";
import { VERSION } from "../../src/version.ts";
import { connect } from "../support/clients.ts";
import { TOOLS_DOC } from "../support/examples.ts";
import { folderOf, temporaryFolder } from "../support/folder.ts";
import { openingHome } from "../support/home.ts";
import { run, startServer } from "../support/process.ts";
import { rows } from "../support/rows.ts";

const root = new URL("../..", import.meta.url);
const readme = readFileSync(new URL("README.md", root), "utf8");

const page = (name: string): string => readFileSync(new URL(name, root), "utf8");

const blocks = (language: string, text = readme): string[] =>
  [...text.matchAll(new RegExp("```" + language + "\\n([\\s\\S]*?)```", "g"))].map(
    (match) => match[1]!,
  );

describe("docs/sql.md", () => {
  let folder: string;
  let session: string;

  beforeEach(async () => {
    folder = temporaryFolder();
    const client = await connect("v2", await startServer({ folder }));
    await client.call("session_update", { title: "Seaweed" });
    await client.call("state_set", { key: "colour", value: "green" });
    const said = { role: "user", content: "Kelp grows fast." };
    session = (await client.call("history_append", said)).data["session"] as string;
  });

  it.each(blocks("sql", page("docs/sql.md")))(
    "runs as written, read-only, while the server runs: %s",
    (query) => {
      const found = rows(folder, query);
      expect(found).toHaveLength(1);
      expect(Object.values(found[0]!)).toContain(
        query.includes("conversation") ? "Kelp grows fast." : session,
      );
    },
  );

  it("shows people's times and counts in session_overview", () => {
    expect(rows(folder, "SELECT * FROM session_overview")).toMatchObject([
      {
        session,
        owner: "local",
        title: "Seaweed",
        messages: 1,
        state_keys: 1,
        clients: "test-client",
        created: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
        last_active: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      },
    ]);
  });
});

describe("the README", () => {
  it("has a tool example that works", async () => {
    const [tool] = blocks("ts");
    const program = blocks("ts", TOOLS_DOC).find((block) => block.includes("remember-order"));
    const folder = temporaryFolder();
    mkdirSync(join(folder, "tools"));
    const local = (text: string): string =>
      text
        .replace('"holdfast"', JSON.stringify(new URL("src/index.ts", root).href))
        .replace('"zod"', JSON.stringify(new URL("node_modules/zod/index.js", root).href));
    writeFileSync(join(folder, "tools/remember-order.ts"), local(tool!));
    const script = join(folder, "my-server.ts");
    const port = "port: 0, ephemeral: true";
    const runnable = local(program!)
      .replace("await createHoldfast", "export default await createHoldfast")
      .replace("port: 8484", port);
    expect(runnable).toContain(port);
    writeFileSync(script, runnable);
    const { default: running } = (await import(/* @vite-ignore */ pathToFileURL(script).href)) as {
      default: { url: string; stop(): Promise<void> };
    };
    const client = await connect("v1", running);
    expect((await client.call("remember_order", { item: "two oysters" })).text).toBe(
      "Noted: two oysters",
    );
    expect((await client.call("state_get", { key: "orders" })).data.value).toEqual(["two oysters"]);
    await client.close();
    await running.stop();
  });

  it("gives npx a command before any flag, which npx would take for its own", () => {
    expect(readme).toContain("npx --no holdfast serve --tools");
    const pages = ["access", "clients", "guide", "operations", "tools"];
    for (const name of ["README.md", ...pages.map((each) => `docs/${each}.md`)])
      expect(page(name)).not.toMatch(/npx --no holdfast --/);
  });

  it("has a tool example that works as a file in a folder", async () => {
    const tools = folderOf({ "remember-order.ts": blocks("ts")[0]! });
    const client = await connect("v2", { stdio: ["--ephemeral", "--tools", tools] });
    const { text, meta } = await client.call("remember_order", { item: "rum" });
    expect(text).toBe(openingHome("Noted: rum", meta?.["holdfast/session"]));
  });

  it("has commands that work in the order in which they stand", async () => {
    const folder = temporaryFolder();
    const server = await startServer({ folder });
    const client = await connect("v2", { url: `${server.url}?name=work` });
    await client.call("history_append", { role: "user", content: "Hello" });
    await server.stop();
    const [{ id: session }] = rows(folder, "SELECT id FROM sessions") as [{ id: string }];
    const commands = blocks("sh")
      .flatMap((block) => block.trim().split("\n"))
      .filter((line) => /^npx --no holdfast (keys|sessions|backup|restore|doctor)\b/.test(line))
      .map((line) => line.split(" ").slice(3));
    expect(commands.map(([command]) => command)).toEqual([
      ...["keys", "keys", "keys", "sessions", "sessions", "sessions", "sessions", "sessions"],
      ...["backup", "restore", "doctor"],
    ]);
    const [elsewhere, files] = [temporaryFolder(), temporaryFolder()];
    for (const command of commands) {
      const [key] = rows(folder, "SELECT id FROM api_keys") as [{ id: string }?];
      const words: Record<string, string> = {
        ID: command[0] === "keys" ? (key?.id ?? "") : session,
        FILE: join(files, "copy.db"),
        "sessions.jsonl": join(files, "sessions.jsonl"),
        "/another/folder": elsewhere,
      };
      const args = command.map((word) => words[word] ?? word);
      if (!args.includes("--data-dir")) args.push("--data-dir", folder);
      if (args[1] === "delete") args.push("--yes"); // nobody sits there
      const { code, stderr } = await run(args);
      expect(code, `${args.join(" ")}: ${stderr}`).toBe(0);
    }
    expect(rows(elsewhere, "SELECT id FROM sessions")).toEqual([{ id: session }]);
  });

  it("names only settings that exist, with their defaults", () => {
    const section = readme.slice(readme.indexOf("\n## Settings\n")).split("\n## ")[1]!;
    const rows = [...section.matchAll(/^\| `([a-z-]+)` +\| `([^`]+)` +\|/gm)].map(
      ([, name, value]) => [name, value],
    );
    expect(rows.length).toBeGreaterThan(4);
    for (const [name, value] of rows) {
      expect(settings).toHaveProperty(name!);
      // Without one, `max-age` is what the folder was last served with, and at first that is never.
      const { default: given = "never" } = settings[name as keyof typeof settings];
      expect([name, given]).toEqual([name, value]);
    }
  });

  it("names every tool", async () => {
    const client = await connect("v2", { stdio: ["--ephemeral", "true", "--toolset", "all"] });
    for (const name of await client.toolNames()) expect(readme).toContain(`\`${name}\``);
  });
});

describe("the picture of the architecture", () => {
  const picture = readFileSync(new URL("docs/architecture.svg", root), "utf8");
  const texts = [...picture.matchAll(/>([^<>]+)<\/text>/g)].map((match) => match[1]!);

  it("is in the README, and names folders of src and tables that there are", async () => {
    expect(readme).toContain("](docs/architecture.svg)");
    const folders = texts.flatMap((text) => text.match(/[a-z]+(?=\/)/g) ?? []);
    expect(folders).toEqual(expect.arrayContaining(["http", "mcp", "storage"]));
    for (const name of folders) expect(existsSync(new URL(`src/${name}`, root)), name).toBe(true);
    const folder = temporaryFolder();
    await (await startServer({ folder })).stop();
    const tables = rows(folder, "SELECT name FROM sqlite_schema").map(({ name }) => name);
    const named = texts
      .filter((text) => text.includes(" · "))
      .flatMap((text) => text.match(/[a-z_]+/g)!);
    expect(named.length).toBeGreaterThan(4);
    expect(tables).toEqual(expect.arrayContaining(named));
  });
});

const APPLIED = "SELECT hash, created_at FROM __drizzle_migrations";

/** Names of the tables that hold rows. */
const filled = (sqlite: Sqlite): string[] =>
  (
    sqlite
      .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type <> 'view'")
      .pluck()
      .all() as string[]
  )
    .filter((name) => !name.startsWith("sqlite_") && name !== "messages_fts")
    .filter((name) => sqlite.prepare(`SELECT 1 FROM ${name}`).get() !== undefined)
    .sort();

describe("generated and repeated facts", () => {
  it("embeds the migrations that drizzle-kit wrote, and the tables that they end with", () => {
    for (const [name, content] of Object.entries(generated())) expect(current(name)).toBe(content);
  });

  it("embeds the files that the console's pages load", () => {
    expect(currentAssets()).toBe(generatedAssets());
  });

  it("makes a new database exactly as its migrations would", () => {
    const objects = (whole?: string[]) => {
      const sqlite = openConnection(MEMORY);
      migrate(sqlite, migrations, whole);
      const query = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name";
      const settings = sqlite.prepare("SELECT * FROM messages_fts_config ORDER BY k").all();
      return [sqlite.prepare(query).all(), sqlite.prepare(APPLIED).all(), filled(sqlite), settings];
    };
    expect(objects()).toEqual(objects([]));
    expect(objects()[2]).toEqual([
      "__drizzle_migrations",
      "messages_fts_config",
      "messages_fts_data",
      "messages_fts_parts_config",
      "messages_fts_parts_data",
    ]);
  });

  it("has the version of package.json", () => {
    const { version } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as {
      version: string;
    };
    expect(VERSION).toBe(version);
  });
});
