// Conditions on what the authorization server keeps, for both engines.
import { sql } from "drizzle-orm";
import { FORGET_MS } from "../../oauth/store.ts";

/** A client that nobody used in its time, or that had grants and has none any more: see `FORGET_MS`. */
export const expiredOAuthClient = sql`(expires_at <= ${sql.placeholder("now")}
  or (expires_at is null and kind <> 'manual' and created_at <= ${sql.placeholder("forgotten")}
  and not exists (select 1 from oauth_grants where oauth_grants.client_id = oauth_clients.id)))`;

/** The values of `expiredOAuthClient`. */
export const oauthClientTimes = (now: number) => ({ now, forgotten: now - FORGET_MS });
