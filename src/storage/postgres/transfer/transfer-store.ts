// Whole sessions in PostgreSQL. An import writes page by page, so a large session is never in memory. Until the last page the
// session's last activity is 0: nobody sees it, and the next cleanup deletes what a killed import has left.
import { AppError } from "../../../lib/errors.ts";
import type { Content, ContentCounts, TransferStore } from "../../../transfer/store.ts";
import { beingAnswered, deletedMeanwhile } from "../../shared/sessions.ts";
import { changedMeanwhile, importLost } from "../../shared/transfer.ts";
import type { Engine } from "../engine/engine.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import type { Usage } from "../limits/usage.ts";
import { sessionsOf } from "../sessions/session-names.ts";
import { importRows } from "./import-rows.ts";
import { sessionSnapshots } from "./snapshot.ts";

export function postgresTransferStore(
  engine: Engine,
  { maxMessages, usage, writes }: { maxMessages: number; usage: Usage; writes: WriteAccess },
): TransferStore {
  const { q, write, begin, publish } = importRows(engine, maxMessages, usage);

  const restore: TransferStore["restore"] = async (session, pages, maxSessions, copied) => {
    const { id, owner } = session;
    let written: ContentCounts = { messages: 0, stateKeys: 0 };
    let [last, begun] = [0, false];
    let refused: unknown;
    const checkCopied = async (): Promise<void> => {
      try {
        if (copied) await writes.read(copied.by, copied.id);
      } catch (error) {
        throw (refused = error);
      }
    };
    /** The operation may run a second time: what it changes out here, it changes when it has succeeded. */
    const store = async (page: readonly Content[], isLast: boolean): Promise<boolean> => {
      const counts = { ...written };
      for (const { type } of page) counts[type === "state" ? "stateKeys" : "messages"] += 1;
      const stored = await engine.write(async () => {
        if (isLast || !begun) await engine.lock(sessionsOf(owner));
        if (begun) await q.lock.get({ id });
        await checkCopied();
        if (!begun) await begin(session, maxSessions);
        const lastSeq = await write(id, page, last, importLost);
        return { lastSeq, named: isLast && (await publish(session, counts, maxSessions)) };
      });
      [last, written, begun] = [stored.lastSeq, counts, true];
      return stored.named;
    };
    try {
      // Write a page when the next one is known: a session of one page takes one commit.
      let page: readonly Content[] = [];
      for await (const next of pages) {
        if (page.length > 0) await store(page, false);
        page = next;
      }
      return { named: await store(page, true) };
    } catch (error) {
      if (begun) await engine.write(() => q.deleteStaged.run({ id })).catch(() => undefined);
      const isGone = begun && error instanceof AppError && error.code === "not_found";
      throw isGone && error !== refused ? importLost() : error;
    }
  };

  return {
    snapshot: sessionSnapshots(engine),
    restore,

    async extend(id, lastSeq, pages) {
      let last = lastSeq;
      for await (const page of pages)
        last = await engine.writeIn(id, async () => {
          const times = engine.times();
          const [, alive, answering] = await Promise.all([
            writes.lock(id),
            q.alive.get({ ...times, id }),
            q.answering.get({ id }),
          ]);
          if (alive === undefined) throw deletedMeanwhile();
          if (answering !== undefined) throw beingAnswered();
          const written = await write(id, page, last, changedMeanwhile);
          await q.touch.run({ id, now: times.now });
          return written;
        });
    },

    count: (owner) => engine.read(async () => (await q.count.get({ ...engine.times(), owner }))!.n),
  };
}
