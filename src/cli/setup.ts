// `holdfast setup`: from a fresh machine to a connected program. Makes the first key and a link that leads to a passkey, says
// which address to paste where, and waits until a program has signed in.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Data } from "../app/data.ts";
import { highestScope } from "../auth/principal.ts";
import { envName, type Settings } from "../config/config.ts";
import { ownUrl } from "../config/kinds.ts";
import { AppError } from "../lib/errors.ts";
import { systemReason } from "../lib/system-errors.ts";
import { commandLine } from "../lib/text/command-line.ts";
import { expectedError } from "../lib/text/expected.ts";
import { shellWord } from "../lib/text/quoted.ts";
import type { OAuthGrant } from "../oauth/store.ts";
import { checkName } from "../sessions/texts.ts";
import { ask } from "./terminal/confirm.ts";
import type { Terminal } from "./terminal/terminal.ts";
import { oneLine } from "./terminal/text.ts";
import { withData } from "./with-data.ts";

export interface SetupFlags {
  principal?: string;
  environmentFile?: string;
  /** False for --no-wait. */
  wait: boolean;
}

const LOOK_MS = 1_000;
const NOTHING = "Nothing was set up";

export async function setup(
  settings: Settings,
  flags: SetupFlags,
  terminal: Terminal,
): Promise<void> {
  const publicUrl = await publicUrlOf(settings, terminal);
  const principal = (flags.principal ?? (await askName(terminal))).trim();
  checkName(principal, "principal");
  const work = async (data: Data): Promise<void> => {
    if (flags.environmentFile !== undefined) writePublicUrl(flags.environmentFile, publicUrl);
    for (const line of await introduction(data, principal, publicUrl, flags)) terminal.print(line);
    if (!flags.wait) return;
    const grant = await firstGrant(data, principal, terminal);
    terminal.print(
      grant === undefined
        ? "Not connected yet. The key stays valid: add the address whenever you like."
        : `Connected: ${oneLine(grant.clientName)} at ${grant.redirectHost}, as ${principal}.`,
    );
  };
  await withData({ ...settings, "public-url": publicUrl }, work, { create: true });
}

/** The public address, from the settings or from the person: a name alone means https. */
async function publicUrlOf(settings: Settings, terminal: Terminal): Promise<string> {
  const given =
    settings["public-url"] ??
    process.env[envName("public-url")] ??
    (await ask(terminal, "Public name of this server, such as mcp.example.org: ", {
      ...{ refusal: NOTHING, hint: "Name it with --public-url https://mcp.example.org." },
    }));
  const text = String(given).trim();
  const url = ownUrl.read(/^https?:/.test(text) ? text : `https://${text}`);
  if (url?.startsWith("https:")) return url;
  throw expectedError("public-url", "a name such as mcp.example.org, or its https address", text);
}

const askName = (terminal: Terminal): Promise<string> =>
  ask(terminal, "Your name, to which conversations belong, such as ada: ", {
    ...{ refusal: NOTHING, hint: "Name it with --principal." },
  });

/** Add the setting to a file of variables, or change it there. @throws AppError `start` */
function writePublicUrl(file: string, publicUrl: string): void {
  const name = envName("public-url");
  try {
    const before = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
    const others = before.filter((line) => !line.startsWith(`${name}=`) && line !== "");
    writeFileSync(file, [...others, `${name}=${publicUrl}`, ""].join("\n"), { mode: 0o600 });
  } catch (error) {
    const reason = systemReason(error);
    if (reason === undefined) throw error;
    throw new AppError("start", `${file} cannot be written: ${reason}.`, {
      hint: "Run this as root, or name another file with --environment-file.",
    });
  }
}

async function introduction(
  { config, keys, browserSessions }: Data,
  principal: string,
  publicUrl: string,
  { environmentFile, wait }: SetupFlags,
): Promise<string[]> {
  const all = await keys.list();
  const mine = all.filter((key) => key.principal === principal && keys.isValid(key));
  const scope = highestScope(mine.map((key) => key.scope)) ?? "admin";
  const made =
    mine.length > 0 ? undefined : await keys.create({ principal, scope, lifetimeMs: Infinity });
  // Who has a key and only waits for a program has had a link already.
  const wantsLink = config.console && (made !== undefined || !wait);
  const link = wantsLink && (await browserSessions.link({ principal, scope }));
  return [
    ...(made === undefined
      ? [
          `${principal} has a key already. To make another: ${commandLine("keys create --principal")} ${shellWord(principal)}`,
        ]
      : [
          `Your key, shown only now. Keep it in your password manager:`,
          ``,
          `  ${made.key}`,
          ``,
          `It also opens the console: ${publicUrl}/console`,
        ]),
    ``,
    environmentFile === undefined
      ? `Start the server with --public-url ${publicUrl}, if it does not run yet.`
      : `The public address is in ${environmentFile}: start the server again.`,
    ...(link
      ? [
          `Then open this link once, within an hour. Add a passkey there, and you need the key no more:`,
          ``,
          `  ${publicUrl}/console/link/${link}?next=/console/account`,
          ``,
        ]
      : []),
    `Add this address in claude.ai and ChatGPT, as a connector, and sign in:`,
    ``,
    `  ${publicUrl}/mcp`,
    ``,
  ];
}

/** A grant of this person, as soon as there is one; undefined when the person leaves. */
async function firstGrant(
  { grants }: Data,
  principal: string,
  terminal: Terminal,
): Promise<OAuthGrant | undefined> {
  const leaving = new AbortController();
  terminal.onStop(() => Promise.resolve(leaving.abort()));
  terminal.print("Waiting until a program has signed in (Ctrl+C leaves) …");
  while (!leaving.signal.aborted) {
    const [found] = await grants.list(principal);
    if (found !== undefined) return found;
    await sleep(LOOK_MS, undefined, { signal: leaving.signal }).catch(() => undefined);
  }
  return undefined;
}
