// The check of access over HTTP, by the settings and the keys in the database.
import { isAuthorizationServer } from "../config/auth-server.ts";
import type { Config } from "../config/config.ts";
import { openings } from "../http/open-network.ts";
import { commandLine } from "../lib/text/command-line.ts";
import { counted } from "../lib/text/plural.ts";
import type { Inspection } from "../storage/admin.ts";
import { fail, type Finding, ok, warn } from "./finding.ts";

const newKey = (): string => `Create a key (${commandLine("keys create --principal NAME")})`;

/** `keys`: absent without a database. `found`: what a running server knows of its addresses. */
export function checkAccess(
  config: Config,
  { valid, spent, passkeys }: Inspection["keys"] = { valid: 0, spent: 0, passkeys: 0 },
  found: readonly string[] = openings(config),
): Finding {
  const check = "access";
  const issuer = config["auth-issuer"];
  const keys = counted(valid, "key");
  if (issuer !== undefined)
    return ok(check, `Credentials are required: an access token of ${issuer}, or one of ${keys}.`);
  if (valid > 0) return ok(check, `A key is required: ${keys}.`);
  if (passkeys > 0 && isAuthorizationServer(config))
    return ok(check, `A sign-in is required: ${counted(passkeys, "passkey")}, and no valid key.`);
  if (config["auth-server"] === "true")
    return warn(
      check,
      "Not open: programs must sign in, and nobody can yet.",
      `${newKey()}, or sign in with a link (${commandLine("console")}).`,
    );
  if (spent > 0)
    return warn(
      check,
      "The server accepts no HTTP client, because its last key was revoked or has expired.",
      `${newKey()}.`,
    );
  if (found.length === 0)
    return ok(
      check,
      "Open to every program on this machine, and only to these: no key is required.",
    );
  const anybody = `anyone who reaches ${found.join(", ")} can change everything`;
  return config["insecure-no-auth"]
    ? warn(
        check,
        `Open on purpose (insecure-no-auth): ${anybody}.`,
        "Something in front of it must ask for credentials.",
      )
    : fail(
        check,
        `No key is required: ${anybody}.`,
        `It does not start like this. ${newKey()}, or name an issuer (--auth-issuer).`,
      );
}

/** The check of access, and where programs sign in. Parameters as of `checkAccess`. */
export function accessFindings(...parameters: Parameters<typeof checkAccess>): Finding[] {
  const [config] = parameters;
  const access = checkAccess(...parameters);
  if (access.status === "fail" || !isAuthorizationServer(config)) return [access];
  const publicUrl = config["public-url"];
  const address = publicUrl === undefined ? "this server" : `${publicUrl}/mcp`;
  return [
    access,
    ok(
      "sign-in",
      `Programs such as claude.ai and ChatGPT sign in at ${address}; nobody gets in without signing in.`,
    ),
  ];
}
