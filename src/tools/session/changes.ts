// The changes that a call makes: each once, where the call has a key, and in one commit with its notifications.
import { newId } from "../../lib/ids.ts";
import type { Changes } from "../../idempotency/idempotent-calls.ts";
import type { Caller } from "../../sessions/session.ts";
import type { UpdateNotifier } from "../../updates/notifier.ts";
import type { Change } from "../../updates/store.ts";

/** `what`: names the change, for a call that is run again. `tells`: see UpdateNotifier.notifyWith. */
export type MakeChange = <T>(
  what: string,
  changes: readonly Omit<Change, "by">[],
  act: () => Promise<T>,
  tells?: (result: unknown) => boolean,
) => Promise<T>;

export const changesOf =
  (updates: UpdateNotifier, { client }: Caller, once: Changes = (_, act) => act()): MakeChange =>
  (what, changes, act, tells) =>
    updates.notifyWith(
      changes.map((change) => ({ ...change, by: client?.id })),
      () => once(what, act),
      tells,
    );

/** An id for each further session that a call makes. */
export type NewId = () => string;

/** `first`: stays the same when the call is run again. */
export function idsFrom(first: string): NewId {
  let next: string | undefined = first;
  return () => {
    const id = next ?? newId();
    next = undefined;
    return id;
  };
}
