// The doctor's check of the user's own tools: it loads them like a start of the server.
import type { Config } from "../../config/config.ts";
import { fail, type Finding, ok } from "../../health/finding.ts";
import { AppError } from "../../lib/errors.ts";
import { loadedText, loadToolFolder } from "../commands/tools.ts";

const check = "tools";

export async function checkTools({ tools: folder }: Config): Promise<Finding[]> {
  if (folder === undefined) return [ok(check, "There is no folder of your own.")];
  try {
    const { loaded, faults } = await loadToolFolder(folder);
    return [
      ok(check, `${loadedText(loaded)} loaded from ${folder}.`),
      ...faults.map((line) => fail(check, line, "It is left out until it is mended.")),
    ];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [fail(check, error.message, error.hint ?? "The server does not start with this.")];
  }
}
