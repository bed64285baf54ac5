// Checks of the texts of a session: names, titles and system prompts.
import { AppError } from "../lib/errors.ts";
import { checkIsText, checkText } from "../lib/text/text.ts";

const MAX_NAME_BYTES = 200;
export const MAX_TITLE_BYTES = 500;
export const MAX_SYSTEM_BYTES = 64_000;

/** @throws AppError `invalid` */
export function checkName(name: string, what = "name"): void {
  checkIsText(what, name);
  if (name.trim() === "")
    throw new AppError("invalid", `${what}: expected text that is not empty.`);
  checkText(what, name, MAX_NAME_BYTES);
}

/** @throws AppError `invalid` */
export function checkTexts({
  title,
  system,
}: {
  title?: string | null | undefined;
  system?: string | null | undefined;
}): void {
  if (title) checkText("title", title, MAX_TITLE_BYTES);
  if (system) checkText("system", system, MAX_SYSTEM_BYTES);
}
