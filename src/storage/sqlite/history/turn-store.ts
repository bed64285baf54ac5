// Chat turns in SQLite: the claim on a session, the question before the model is called, the answer after it.
import { and, desc, eq, gte, sql } from "drizzle-orm";
import type { Principal } from "../../../auth/principal.ts";
import { type Again, askedMeanwhile } from "../../../chat/ask.ts";
import type { Message } from "../../../chat/message.ts";
import type { HistoryStore, Turn, TurnStart } from "../../../chat/store.ts";
import {
  answerOf,
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

type NewTurn = Parameters<HistoryStore["beginTurn"]>[1];
type Answer = Parameters<HistoryStore["completeTurn"]>[1];

export function sqliteTurns(
  engine: Engine,
  statements: MessageStatements,
  summaries: SummaryStatements,
  access: WriteAccess,
): TurnMethods {
  const turns = new TurnRows(engine, statements, summaries);
  return {
    lastQuestion: (sessionId) =>
      engine.readDurable(() => {
        const row = turns.q.lastQuestion.get({ sessionId });
        return row && publicPart(row);
      }),

    checkRoom: (sessionId, question) =>
      engine.readNow(() => turns.checkRoom(sessionId, turns.stored(sessionId, question))),

    beginTurn: (sessionId, wanted) =>
      engine.write(() => {
        access.modify(wanted.by, sessionId);
        return turns.begin(sessionId, wanted);
      }),

    completeTurn: (turn, answer) =>
      engine.write(() => {
        access.modify(turn.by, turn.sessionId);
        return turns.complete(turn, answer);
      }),

    failTurn: (turn, status) =>
      engine.write(() => {
        turns.release(turn);
        if (!turn.again) turns.setStatus(turn.sessionId, turn.question.seq, status);
      }),

    saveSummary: (turn, summary) =>
      engine.write(() => {
        access.modify(turn.by, turn.sessionId);
        turns.checkClaim(turn);
        return summaries.save(turn.sessionId, summary);
      }),
  };
}

/** To be used inside a read or a write. */
class TurnRows {
  readonly q: ReturnType<typeof turnStatements>;
  readonly #engine: Engine;
  readonly #messages: MessageStatements;
  readonly #summaries: SummaryStatements;

  constructor(engine: Engine, statements: MessageStatements, summaries: SummaryStatements) {
    this.#engine = engine;
    this.#messages = statements;
    this.#summaries = summaries;
    this.q = turnStatements(engine);
  }

  begin(sessionId: string, wanted: NewTurn): TurnStart {
    const { instanceId, requestKey, again, by } = wanted;
    const known = again ? this.#keyed(sessionId, wanted) : this.stored(sessionId, wanted);
    if (known?.status === "complete") {
      const answer = this.#byKey(sessionId, requestKey!, "assistant", by);
      if (answer === undefined) throw requestKeyTaken();
      return { kind: "answered", question: publicPart(known), answer: publicPart(answer) };
    }
    if (this.q.claimed.get({ sessionId }) !== undefined) return { kind: "busy" };
    if (this.q.registered.get({ instanceId }) === undefined) return { kind: "unregistered" };
    if (!again) return this.#beginNew(sessionId, wanted, known);
    if (known !== undefined && known.seq !== again.seq) throw requestKeyTaken();
    return this.#beginAgain(sessionId, { ...wanted, again });
  }

  #beginNew(
    sessionId: string,
    { instanceId, prompt, requestKey, by }: NewTurn,
    known: MessageRow | undefined,
  ): TurnStart {
    this.checkRoom(sessionId, known);
    const asked = { role: "user", content: prompt, status: "pending" } as const;
    const mine = { requestKey: requestKey ?? null, author: by?.id ?? null };
    const question =
      known ?? this.#messages.add(sessionId, { ...asked, ...mine }, { entitles: true });
    this.setStatus(sessionId, question.seq, "pending");
    if (requestKey !== undefined && question.requestKey === null) {
      this.#messages.freeKey.run({ sessionId, requestKey });
      this.q.setKey.run({ id: question.id, requestKey });
      question.requestKey = requestKey;
    }
    this.#claim(sessionId, question.id, instanceId);
    const turn = { id: String(question.id), instanceId, sessionId, by };
    return { kind: "started", turn: { ...turn, question: publicPart(question) } };
  }

  /** Claims the last question as it is. Only an answer replaces it; until then nothing changes. */
  #beginAgain(
    sessionId: string,
    { instanceId, prompt, requestKey, again, by }: NewTurn & { again: Again },
  ): TurnStart {
    const last = this.q.lastQuestion.get({ sessionId });
    if (last?.seq !== again.seq || last.content !== again.content) throw askedMeanwhile();
    const lastSeq = this.#messages.last.get({ sessionId })!.seq;
    this.#claim(sessionId, last.id, instanceId);
    const mine = { requestKey: requestKey ?? null, author: by?.id ?? null };
    const question = { ...publicPart(last), content: prompt, ...mine };
    const turn = { id: String(last.id), instanceId, sessionId, question, by };
    return { kind: "started", turn: { ...turn, again: { lastSeq } } };
  }

  complete(turn: Turn, answer: Answer): Message {
    this.release(turn);
    const { sessionId, question, by } = turn;
    const { requestKey } = question;
    if (requestKey !== null && this.#byKey(sessionId, requestKey, "assistant", by))
      throw requestKeyTaken();
    if (turn.again) this.#replace(turn);
    else this.setStatus(sessionId, question.seq, "complete");
    return publicPart(this.#messages.add(sessionId, answerOf(turn, answer)));
  }

  /** @throws AppError `conflict` when the history was cleared meanwhile */
  checkClaim({ id, sessionId, instanceId }: Turn): void {
    const claim = this.q.claimed.get({ sessionId });
    if (claim?.messageId !== Number(id) || claim.instanceId !== instanceId) throw claimLost();
  }

  /** Gives the claim back. @throws AppError `conflict` as `checkClaim` */
  release(turn: Turn): void {
    this.checkClaim(turn);
    this.q.free.run({ sessionId: turn.sessionId });
  }

  /** Checks room for the question and its answer, so that no model is asked in vain. */
  checkRoom(sessionId: string, question: MessageRow | undefined): void {
    if (question?.status === "complete") return;
    const { lastSeq } = this.#messages.gaps.numbers(sessionId);
    this.#messages.checkSeq(sessionId, lastSeq + (question === undefined ? 2 : 1));
  }

  /** The question, if it is in the history already. @throws AppError `conflict` */
  stored(sessionId: string, question: Question): MessageRow | undefined {
    return (
      this.#keyed(sessionId, question) ??
      unanswered(this.#messages.last.get({ sessionId }), question)
    );
  }

  setStatus(sessionId: string, seq: number, status: string): void {
    this.q.setStatus.run({ sessionId, seq, status });
  }

  /** Replaces the last question by the one that was asked now, and deletes all that followed it. */
  #replace({ sessionId, question, again }: Turn): void {
    if (this.#messages.last.get({ sessionId })?.seq !== again?.lastSeq) throw askedMeanwhile();
    const { gaps } = this.#messages;
    const { lastSeq } = gaps.numbers(sessionId);
    const { changes } = this.q.deleteFrom.run({ sessionId, seq: question.seq });
    const missing = lastSeq - question.seq + 1 - changes;
    gaps.cut(sessionId, { missing, lastSeq: question.seq - 1 });
    const { content, requestKey, author } = question;
    const asked = { role: "user", status: "complete", content, requestKey, author } as const;
    this.#messages.add(sessionId, asked);
    this.#summaries.forget(sessionId, question.seq);
  }

  /** The question of this key. @throws AppError `conflict` when it is another one */
  #keyed(sessionId: string, { prompt, requestKey, by }: Question): MessageRow | undefined {
    if (requestKey === undefined) return undefined;
    const found = this.#byKey(sessionId, requestKey, "user", by);
    return sameRequest(found, { role: "user", content: prompt });
  }

  #byKey(
    sessionId: string,
    requestKey: string,
    role: "user" | "assistant",
    by: Principal | undefined,
  ): MessageRow | undefined {
    return this.#messages.byKey.get({ sessionId, requestKey, role, author: by?.id ?? null });
  }

  #claim(sessionId: string, messageId: number, instanceId: string): void {
    this.q.claim.run({ sessionId, messageId, instanceId, now: this.#engine.clock.now() });
  }
}

function turnStatements({ db }: Engine) {
  const ofSession = eq(turns.sessionId, placeholder("sessionId"));
  return lazily({
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
}
