// `holdfast console`: prints the console's address, with a link that signs a browser in once where keys are used.
import { ALL_SCOPES, highestScope, LOCAL, type Scope } from "../../auth/principal.ts";
import { alwaysAsks } from "../../config/auth-server.ts";
import type { Settings } from "../../config/config.ts";
import { serverUrl } from "../../http/connect/client-config.ts";
import { eitherOf, expectedError } from "../../lib/text/expected.ts";
import { checkName } from "../../sessions/texts.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { withData } from "../with-data.ts";

export interface ConsoleFlags {
  principal: string;
  scope?: string;
  json?: boolean;
}

export function printConsole(
  settings: Settings,
  { principal, scope: named, json }: ConsoleFlags,
  terminal: Terminal,
): Promise<void> {
  checkName(principal, "principal");
  const scope = scopeOf(principal, named);
  return withData(settings, async ({ config, keys, browserSessions }) => {
    const home = new URL("/console", serverUrl(config)).href;
    const asks = alwaysAsks(config) || (await keys.any());
    const url = asks ? `${home}/link/${await browserSessions.link({ principal, scope })}` : home;
    if (json) return terminal.print(JSON.stringify({ url, once: asks }));
    terminal.print(url);
    terminal.warn(
      asks
        ? `The link signs one browser in as ${principal}, once, within an hour.`
        : "No keys are used: every browser on this machine may open it.",
    );
    if (!asks && principal !== LOCAL.id)
      terminal.warn("There are no keys: everybody is local, and --principal has no effect.");
  });
}

/** The operator of the machine may do everything; others may change what is theirs. */
function scopeOf(principal: string, named: string | undefined): Scope {
  if (named === undefined) return principal === LOCAL.id ? "admin" : "write";
  const scope = highestScope([named]);
  if (scope === undefined) throw expectedError("scope", eitherOf(ALL_SCOPES), named);
  return scope;
}
