// The address at which changes by other processes are heard: its faults, and a check that something comes through.
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { AppError } from "../../../lib/errors.ts";
import { newId } from "../../../lib/ids.ts";
import type { DatabaseServer } from "../../storage.ts";
import { codeOf } from "../engine/errors.ts";
import { cannotOpen, openListener } from "./pool.ts";

const CHECK_MS = 5_000;

/** True for an error that waiting does not mend: the address or its password is wrong. */
export const isWrongAddress = (error: unknown): boolean =>
  /^(?:28P01|28000|3D000|ENOTFOUND)$/.test(codeOf(error) ?? "");

/** The error of a connection that listens, as one line that names its setting. */
export function cannotListen({ url, listenUrl }: DatabaseServer, error: unknown): unknown {
  const known = cannotOpen(listenUrl ?? url, error);
  if (listenUrl === undefined || !(known instanceof AppError)) return known;
  const hint = known.hint?.replaceAll("database-url", "listen-url");
  return new AppError("start", `listen-url ${known.message}`, {
    ...(hint !== undefined && { hint }),
    cause: error,
  });
}

/**
 * Sends a notification on `client`, and resolves with false if it does not come.
 * @throws AppError `start` for an address at which nobody can listen
 */
export async function isHeard(server: DatabaseServer, client: pg.ClientBase): Promise<boolean> {
  const channel = `holdfast_${newId().replaceAll("-", "")}`;
  const listener = openListener(server);
  listener.on("error", () => undefined); // the query has it too
  const heard = new Promise<true>((resolve) => {
    listener.once("notification", () => resolve(true));
  });
  try {
    await listener.connect();
    await listener.query(`LISTEN ${channel}`);
    await client.query(`NOTIFY ${channel}`);
    return await Promise.race([heard, sleep(CHECK_MS, false, { ref: false })]);
  } catch (error) {
    throw cannotListen(server, error);
  } finally {
    await listener.end().catch(() => undefined);
  }
}
