// docs/operations.md tells the truth: its commands work as written, and its lists are whole.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { databaseFile } from "../../src/storage/admin.ts";
import { filledFolder } from "../support/filled.ts";
import { temporaryFolder } from "../support/folder.ts";
import { run, startServer } from "../support/process.ts";

const text = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");

const commands = [...text.matchAll(/```sh\n([\s\S]*?)```/g)]
  .flatMap((match) => match[1]!.trim().split("\n"))
  .map((line) => line.replace(/^sudo /, ""))
  .filter((line) => line.startsWith("holdfast "));

it("the commands of docs/operations.md work in the order in which they stand", async () => {
  const [folder, backups] = [await filledFolder(), temporaryFolder()];
  const words = commands.map((line) => line.split(" ")[1]);
  expect(words).toEqual(["keys", "doctor", "keys", "backup", "restore", "restore"]);
  const server = await startServer({ folder });
  for (const line of commands) {
    if (line.includes("restore")) await server.stop();
    const copy = join(folder, "holdfast.db.before-migration-0005");
    if (line.includes("before-migration")) renameSync(join(backups, "holdfast.db"), copy);
    const args = line
      .replaceAll("/var/lib/holdfast", folder)
      .replaceAll("/backups", backups)
      .split(" ");
    const { code, stderr } = await run(args.slice(1));
    expect(code, `${line}: ${stderr}`).toBe(0);
  }
  expect(readdirSync(folder).filter((name) => name.includes("before-restore"))).not.toEqual([]);
});

it("the files that docs/operations.md names are those that a data folder has", async () => {
  const folder = join(temporaryFolder(), "data");
  mkdirSync(folder);
  await startServer({ folder });
  for (const name of readdirSync(folder)) expect(text).toContain(`| \`${name}\``);
  expect(existsSync(databaseFile(folder))).toBe(true);
});

it("the files of deploy/ that docs/operations.md names are there", () => {
  const links = [...text.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map((match) => match[1]!);
  expect(links.length).toBeGreaterThan(3);
  for (const link of links)
    expect(existsSync(new URL(`../../${link}`, import.meta.url))).toBe(true);
});
