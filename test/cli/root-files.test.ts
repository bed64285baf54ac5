// What root's commands make in a folder of somebody else: it is that user's, and nothing of root's can be reached by it.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeFileWhole } from "../../src/cli/sessions/output.ts";
import { dropToOwner, leaveToOwner } from "../../src/lib/files/owner.ts";
import { writeWhole } from "../../src/lib/files/whole-file.ts";
import { databaseFile } from "../../src/storage/admin.ts";
import { backUp } from "../../src/storage/sqlite/admin/backup.ts";
import { restore } from "../../src/storage/sqlite/admin/restore.ts";
import { openConnection } from "../../src/storage/sqlite/engine/connection.ts";
import { filledFolder } from "../support/filled.ts";
import { temporaryFolder } from "../support/folder.ts";

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

/** A folder of somebody else's, and a file of root's that nobody else may read. */
function places(): { home: string; secret: string } {
  const top = temporaryFolder();
  chmodSync(top, 0o755);
  const [home, secret] = [join(top, "home"), join(top, "secret")];
  mkdirSync(home, { mode: 0o700 });
  chownSync(home, NOBODY, NOBODY);
  writeFileSync(secret, "a secret", { mode: 0o600 });
  return { home, secret };
}

describe.runIf(isRoot)("in a folder of somebody else's", () => {
  it("a backup and what is restored belong to that user", async () => {
    const { home } = places();
    const source = databaseFile(await filledFolder());
    const file = join(home, "b.db");
    await backUp({ source, target: file });
    restore({ source, target: databaseFile(home) });
    for (const made of readdirSync(home)) {
      const { uid, mode } = statSync(join(home, made));
      expect([uid, mode & 0o777]).toEqual([NOBODY, 0o600]);
    }
    expect(process.geteuid!()).toBe(0);
  });

  it("a file that was swapped for a link is not followed, whenever that happens", async () => {
    const { home, secret } = places();
    const swapped = writeWhole(join(home, "f"), (partial) => {
      execFileSync("ln", ["-sf", secret, partial]);
      readFileSync(partial);
    });
    await expect(swapped).rejects.toThrow();
    symlinkSync(secret, join(home, "link"));
    expect(() => leaveToOwner(join(home, "link"))).toThrow();
    symlinkSync(join(secret, "..", "new"), databaseFile(home));
    expect(() => openConnection(databaseFile(home))).toThrow();
    expect(statSync(secret)).toMatchObject({ uid: 0 });
    expect(readdirSync(join(secret, ".."))).toEqual(["home", "secret"]);
  });

  it("rights come back, whatever happens", async () => {
    const { home } = places();
    const rights = dropToOwner(home);
    expect(process.geteuid!()).toBe(NOBODY);
    rights.restore();
    await expect(
      writeWhole(join(home, "f"), () => Promise.reject(new Error("x"))),
    ).rejects.toThrow();
    expect([process.geteuid!(), process.getegid!()]).toEqual([0, 0]);
  });
});

it("an export is a new file of its own, whatever lies under names that were foreseen", async () => {
  const folder = temporaryFolder();
  const target = join(folder, "out.jsonl");
  for (const name of [`${target}.${process.pid}.partial`, `${target}.partial-${process.pid}`])
    symlinkSync(join(folder, "elsewhere"), name);
  async function* texts() {
    yield "one line\n";
  }
  await writeFileWhole(target, texts(), false);
  expect(readFileSync(target, "utf8")).toBe("one line\n");
  expect(lstatSync(target).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).not.toContain("elsewhere");
});
