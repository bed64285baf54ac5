// Questions at a terminal: leaving is no answer, and nothing is done then.
import { describe, expect, it } from "vitest";
import { openDatabase } from "../support/database.ts";
import { filledFolder } from "../support/filled.ts";
import { hasTerminals, runAtTerminal } from "../support/pseudo-terminal.ts";
import { rows } from "../support/rows.ts";

/** With a key that is revoked, and a session that is due by the age of a day. */
async function folderWithQuestions(): Promise<string> {
  const folder = await filledFolder();
  const database = openDatabase(folder, { readonly: false });
  database.exec("UPDATE sessions SET owner = 'local', last_active_at = 1600000000000");
  database.exec(
    `INSERT INTO api_keys (id, hash, principal, scope, created_at, revoked_at)
      VALUES ('0123456789ab', 'none', 'ada', 'read', 1, 2)`,
  );
  database.close();
  return folder;
}

const [CTRL_C, CTRL_D] = ["\u0003", "\u0004"];

const left: [key: string, command: string[], says: string][] = [
  [CTRL_C, ["sessions", "delete", "kept"], "Nothing was deleted."],
  [CTRL_D, ["sessions", "delete", "kept"], "Nothing was deleted."],
  [CTRL_C, ["cleanup", "--max-age", "1d"], "Nothing was deleted."],
  [CTRL_D, ["keys", "open"], "Nothing was opened."],
];

const SKIPPED = hasTerminals ? "" : " (skipped: python3, which makes the terminals, is not here)";

describe.runIf(hasTerminals)(`a question at a terminal${SKIPPED}`, () => {
  it("is left with Ctrl+C and with Ctrl+D: 130, and a line says that nothing was done", async () => {
    const folder = await folderWithQuestions();
    const all = () => [
      ...rows(folder, "SELECT id, content FROM messages"),
      ...rows(folder, "SELECT id, revoked_at FROM api_keys"),
    ];
    const before = all();
    expect(before).toHaveLength(2);
    for (const [key, command, says] of left) {
      const { code, shown } = await runAtTerminal([...command, "--data-dir", folder], key);
      expect(shown).toMatch(/\[y\/N\] [^\n]*\n[^\n]+\n$/);
      expect(shown.split("\n").at(-2)).toBe(says);
      expect(code).toBe(130);
    }
    expect(all()).toEqual(before);
  });
});
