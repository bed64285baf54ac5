// Colours only on terminals, and not with NO_COLOR (no-color.org); FORCE_COLOR overrides both.
import { styleText } from "node:util";
import type { Output } from "./terminal.ts";

export type Style = Parameters<typeof styleText>[0];

/** A function that styles a text, or returns it unchanged. */
export function stylist(
  { isTTY }: Pick<Output, "isTTY">,
  env: NodeJS.ProcessEnv = process.env,
): (text: string, style: Style) => string {
  return wantsColours(isTTY === true, env)
    ? (text, style) => styleText(style, text, { validateStream: false })
    : (text) => text;
}

function wantsColours(isTTY: boolean, env: NodeJS.ProcessEnv): boolean {
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return !["0", "false"].includes(forced);
  return isTTY && !env["NO_COLOR"] && env["TERM"] !== "dumb";
}
