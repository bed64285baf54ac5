// Rules of clients, their subscriptions and their outboxes that hold on every engine.
import { type SQL, sql } from "drizzle-orm";
import { AppError } from "../../lib/errors.ts";
import { parseSessionUri } from "../../sessions/uris.ts";
import { MAX_SUBSCRIBED_BYTES } from "../../updates/store.ts";

const { placeholder } = sql;

/** The bounds of the uris below this one: "0" follows "/" in the order of bytes. */
export const boundsBelow = (uri: string) => ({ from: `${uri}/`, to: `${uri}0` });

/** The id of the session that a uri is a part of. */
export function sessionOfUri(uri: string): string | undefined {
  const place = parseSessionUri(uri);
  return place && "id" in place ? place.id : undefined;
}

/** Checks all subscriptions of a client. @throws AppError `limit` */
export function checkSubscribed({ n, bytes }: { n: number; bytes: number }, max: number): void {
  if (n > max) throw new AppError("limit", `A client can have at most ${max} subscriptions.`);
  if (bytes > MAX_SUBSCRIBED_BYTES)
    throw new AppError(
      "limit",
      `The uris of a client's subscriptions can have at most ${MAX_SUBSCRIBED_BYTES} bytes in all.`,
    );
}

/** A client of the audience: the owner's, or of a principal that the session is shared with. */
export const hears: SQL = sql`(clients.owner = ${placeholder("owner")} or exists (select 1 from grants
  where grants.session_id = ${placeholder("session")} and grants.principal = clients.owner))`;

/** Maximum length of an ended client's name, in characters. */
const SHOWN = 200;

/** Columns of a client that ends. The name stays, which is shown until the cleanup deletes the row. */
export const endedClient = {
  ...{ endedAt: sql`${placeholder("now")}`, initialize: {}, capabilities: {} },
  ...{ name: sql`substr(name, 1, ${SHOWN})`, version: sql`substr(version, 1, ${SHOWN})` },
};

export const tooManyClients = (maxClients: number): AppError =>
  new AppError("limit", `You have ${maxClients} programs connected: end some first.`, {
    hint: "The setting max-clients allows more.",
  });
