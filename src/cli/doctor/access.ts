// The doctor's answer to "who may come in over HTTP?", from the settings that it was given and the keys in the database.
import type { Config } from "../../config/config.ts";
import { openings } from "../../http/open-network.ts";
import type { Inspection } from "../../storage/sqlite/admin/inspect.ts";
import { counted } from "../terminal/terminal.ts";
import { fail, ok, warn, type Finding } from "./finding.ts";

const NEW_KEY = "Create a key (holdfast keys create --principal NAME)";

/** `keys`: there are none where there is no database yet. */
export function checkAccess(
  config: Config,
  { valid, spent }: Inspection["keys"] = { valid: 0, spent: 0 },
): Finding {
  const check = "access";
  const issuer = config["auth-issuer"];
  const keys = counted(valid, "key");
  if (issuer !== undefined)
    return ok(check, `Whoever has an access token of ${issuer} may come in, or one of ${keys}.`);
  if (valid > 0) return ok(check, `Whoever has a key may come in: ${keys}.`);
  if (spent > 0)
    return warn(
      check,
      "Nobody may come in over HTTP: the server is closed since its last key was revoked or has expired.",
      `${NEW_KEY}.`,
    );
  const found = openings(config);
  if (found.length === 0)
    return ok(check, "Open to everybody on this machine, and to nobody else: no key is asked for.");
  const anybody = `whoever reaches ${found.join(", ")} may come in and change everything`;
  return config["insecure-no-auth"]
    ? warn(
        check,
        `Open on purpose (insecure-no-auth): ${anybody}.`,
        "Something in front of it must ask for credentials.",
      )
    : fail(
        check,
        `Nobody is asked for a key: ${anybody}.`,
        `It does not start like this. ${NEW_KEY}, or name an issuer (--auth-issuer).`,
      );
}
