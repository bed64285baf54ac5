// Chat turns in SQLite: the claim on a session, the question before the model is called, the answer after it.
import { and, desc, eq, gte, sql } from "drizzle-orm";
import type { Principal } from "../../../auth/principal.ts";
import { type Again, askedMeanwhile } from "../../../chat/ask.ts";
import type { HistoryStore, Turn, TurnStart } from "../../../chat/store.ts";
import {
  claimLost,
  publicPart,
  requestKeyTaken,
  sameRequest,
  unanswered,
  uncleared,
} from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import { instances, messages, turns } from "../schema/schema.ts";
import type { MessageRow, MessageStatements } from "./message-rows.ts";
import type { SummaryStatements } from "./summary-rows.ts";

const { placeholder } = sql;

type TurnMethods = Pick<
  HistoryStore,
  "beginTurn" | "lastQuestion" | "checkRoom" | "completeTurn" | "failTurn" | "saveSummary"
>;

type Question = Parameters<HistoryStore["checkRoom"]>[1];

type BeginAgain = Omit<Question, "requestKey"> & {
  instanceId: string;
  requestKey?: string | null | undefined;
  again: Again;
  by: Principal | undefined;
};

export function sqliteTurns(
  engine: Engine,
  statements: MessageStatements,
  summaries: SummaryStatements,
  access: WriteAccess,
): TurnMethods {
  const { db } = engine;
  const ofSession = eq(turns.sessionId, placeholder("sessionId"));
  const q = lazily({
    claimed: () => db.select().from(turns).where(ofSession).prepare(),
    claim: () =>
      db
        .insert(turns)
        .values({
          sessionId: placeholder("sessionId"),
          messageId: placeholder("messageId"),
          instanceId: placeholder("instanceId"),
          startedAt: placeholder("now"),
        })
        .prepare(),
    free: () => db.delete(turns).where(ofSession).prepare(),
    setStatus: () =>
      db
        .update(messages)
        .set({ status: sql`${placeholder("status")}` })
        .where(
          and(
            eq(messages.sessionId, placeholder("sessionId")),
            eq(messages.seq, placeholder("seq")),
          ),
        )
        .prepare(),
    lastQuestion: () =>
      db
        .select()
        .from(messages)
        .where(
          and(
            eq(messages.sessionId, placeholder("sessionId")),
            eq(messages.role, "user"),
            uncleared(placeholder("sessionId")),
          ),
        )
        .orderBy(desc(messages.seq))
        .limit(1)
        .prepare(),
    deleteFrom: () =>
      db
        .delete(messages)
        .where(
          and(
            eq(messages.sessionId, placeholder("sessionId")),
            gte(messages.seq, placeholder("seq")),
          ),
        )
        .prepare(),
    setKey: () =>
      db
        .update(messages)
        .set({ requestKey: sql`${placeholder("requestKey")}` })
        .where(eq(messages.id, placeholder("id")))
        .prepare(),
    registered: () =>
      db
        .select({ id: instances.id })
        .from(instances)
        .where(eq(instances.id, placeholder("instanceId")))
        .prepare(),
  });

  /** @throws AppError `conflict` when the history was cleared meanwhile */
  const checkClaim = ({ id, sessionId, instanceId }: Turn): void => {
    const claim = q.claimed.get({ sessionId });
    if (claim?.messageId === Number(id) && claim.instanceId === instanceId) return;
    throw claimLost();
  };

  /** Gives the claim back. @throws AppError `conflict` as `checkClaim` */
  const release = (turn: Turn): void => {
    checkClaim(turn);
    q.free.run({ sessionId: turn.sessionId });
  };

  /** The question of this key. @throws AppError `conflict` when it is another one */
  const keyed = (
    sessionId: string,
    { prompt: content, requestKey, by }: Question,
  ): MessageRow | undefined =>
    requestKey === undefined
      ? undefined
      : sameRequest(byKey(sessionId, requestKey, "user", by), { role: "user", content });

  const byKey = (
    sessionId: string,
    requestKey: string,
    role: "user" | "assistant",
    by: Question["by"],
  ): MessageRow | undefined =>
    statements.byKey.get({ sessionId, requestKey, role, author: by?.id ?? null });

  /** The question, if it is in the history already. @throws AppError `conflict` */
  const stored = (sessionId: string, question: Question): MessageRow | undefined =>
    keyed(sessionId, question) ?? unanswered(statements.last.get({ sessionId }), question);

  /** Claims the last question as it is. Only an answer replaces it; until then nothing changes. */
  const beginAgain = (
    sessionId: string,
    { instanceId, prompt, requestKey = null, again, by }: BeginAgain,
  ): TurnStart => {
    const last = q.lastQuestion.get({ sessionId });
    if (last?.seq !== again.seq || last.content !== again.content) throw askedMeanwhile();
    const lastSeq = statements.last.get({ sessionId })!.seq;
    q.claim.run({ sessionId, messageId: last.id, instanceId, now: engine.clock.now() });
    const question = {
      ...publicPart(last),
      content: prompt,
      requestKey,
      author: by?.id ?? null,
    };
    return {
      kind: "started",
      turn: { id: String(last.id), instanceId, sessionId, question, by, again: { lastSeq } },
    };
  };

  /** Replaces the last question by the one that was asked now, and deletes all that followed it. */
  const replace = ({ sessionId, question, again }: Turn): void => {
    if (statements.last.get({ sessionId })?.seq !== again?.lastSeq) throw askedMeanwhile();
    const { lastSeq } = statements.gaps.numbers(sessionId);
    const { changes } = q.deleteFrom.run({ sessionId, seq: question.seq });
    const numbers = lastSeq - question.seq + 1;
    statements.gaps.cut(sessionId, { missing: numbers - changes, lastSeq: question.seq - 1 });
    const { content, requestKey, author } = question;
    statements.add(sessionId, { role: "user", status: "complete", content, requestKey, author });
    summaries.forget(sessionId, question.seq);
  };

  /** Checks room for the question and its answer, so that no model is asked in vain. */
  const checkRoom = (sessionId: string, question: MessageRow | undefined): void => {
    if (question?.status === "complete") return;
    const { lastSeq } = statements.gaps.numbers(sessionId);
    statements.checkSeq(sessionId, lastSeq + (question === undefined ? 2 : 1));
  };

  return {
    lastQuestion: (sessionId) =>
      engine.readDurable(() => {
        const row = q.lastQuestion.get({ sessionId });
        return row && publicPart(row);
      }),

    checkRoom: (sessionId, question) =>
      engine.readNow(() => checkRoom(sessionId, stored(sessionId, question))),

    beginTurn: (sessionId, { instanceId, prompt, requestKey, again, by }) =>
      engine.write(() => {
        access.modify(by, sessionId);
        const known = again
          ? keyed(sessionId, { prompt, requestKey, by })
          : stored(sessionId, { prompt, requestKey, by });
        if (known?.status === "complete") {
          const answer = byKey(sessionId, requestKey!, "assistant", by);
          if (answer === undefined) throw requestKeyTaken();
          return { kind: "answered", question: publicPart(known), answer: publicPart(answer) };
        }
        if (q.claimed.get({ sessionId }) !== undefined) return { kind: "busy" };
        if (q.registered.get({ instanceId }) === undefined) return { kind: "unregistered" };
        if (again) {
          if (known !== undefined && known.seq !== again.seq) throw requestKeyTaken();
          return beginAgain(sessionId, { instanceId, prompt, requestKey, again, by });
        }
        checkRoom(sessionId, known);
        const question =
          known ??
          statements.add(
            sessionId,
            {
              role: "user",
              content: prompt,
              status: "pending",
              requestKey: requestKey ?? null,
              author: by?.id ?? null,
            },
            { entitles: true },
          );
        q.setStatus.run({ sessionId, seq: question.seq, status: "pending" });
        if (requestKey !== undefined && question.requestKey === null) {
          statements.freeKey.run({ sessionId, requestKey });
          q.setKey.run({ id: question.id, requestKey });
          question.requestKey = requestKey;
        }
        q.claim.run({ sessionId, messageId: question.id, instanceId, now: engine.clock.now() });
        return {
          kind: "started",
          turn: {
            id: String(question.id),
            instanceId,
            sessionId,
            question: publicPart(question),
            by,
          },
        };
      }),

    completeTurn: (turn, answer) =>
      engine.write(() => {
        access.modify(turn.by, turn.sessionId);
        release(turn);
        const { sessionId, question } = turn;
        const { requestKey } = question;
        if (requestKey !== null && byKey(sessionId, requestKey, "assistant", turn.by))
          throw requestKeyTaken();
        if (turn.again) replace(turn);
        else q.setStatus.run({ sessionId, seq: question.seq, status: "complete" });
        return publicPart(
          statements.add(sessionId, {
            role: "assistant",
            status: "complete",
            content: answer.content,
            model: answer.model,
            inputTokens: answer.inputTokens ?? null,
            outputTokens: answer.outputTokens ?? null,
            requestKey,
            author: turn.by?.id ?? null,
          }),
        );
      }),

    failTurn: (turn, status) =>
      engine.write(() => {
        release(turn);
        if (!turn.again)
          q.setStatus.run({ sessionId: turn.sessionId, seq: turn.question.seq, status });
      }),

    saveSummary: (turn, summary) =>
      engine.write(() => {
        access.modify(turn.by, turn.sessionId);
        checkClaim(turn);
        return summaries.save(turn.sessionId, summary);
      }),
  };
}
