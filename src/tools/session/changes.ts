// The changes that a call makes: each runs once if the call has a key, and commits together with its notifications.
import type { MakeOnce } from "../../idempotency/idempotent-calls.ts";
import { newId } from "../../lib/ids.ts";
import type { Caller } from "../../sessions/session.ts";
import type { UpdateNotifier } from "../../updates/notifier.ts";
import type { Change } from "../../updates/store.ts";

/** `what` names the change for a repeated run. `tells`: see UpdateNotifier.notifyWith. */
export type MakeChange = <T>(
  what: string,
  changes: readonly Omit<Change, "by">[],
  act: () => Promise<T>,
  tells?: (result: unknown) => boolean,
) => Promise<T>;

export const changesOf =
  (updates: UpdateNotifier, { client }: Caller, once: MakeOnce = (_, act) => act()): MakeChange =>
  (what, changes, act, tells) =>
    updates.notifyWith(
      changes.map((change) => ({ ...change, by: client?.id })),
      () => once(what, act),
      tells,
    );

/** Makes the id of each session that a call creates. */
export type NewId = () => string;

/** `first` is the same in every run of the call. */
export function idsFrom(first: string): NewId {
  let next: string | undefined = first;
  return () => {
    const id = next ?? newId();
    next = undefined;
    return id;
  };
}
