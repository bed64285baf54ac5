// Chat turns in PostgreSQL: the claim on a session, the question before the model is called, the answer after it. Every write
// locks the session first. The claim's row is locked too, because the end of an instance deletes claims without their sessions.
import { and, desc, eq, gte, sql } from "drizzle-orm";
import type { Principal } from "../../../auth/principal.ts";
import { type Again, askedMeanwhile } from "../../../chat/ask.ts";
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
import { prepared } from "../engine/statements.ts";
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

export function postgresTurns(
  engine: Engine,
  statements: MessageStatements,
  summaries: SummaryStatements,
  access: WriteAccess,
): TurnMethods {
  const turn = new TurnRows(engine, statements, summaries);
  return {
    lastQuestion: (sessionId) =>
      engine.read(async () => {
        const row = await turn.q.lastQuestion.get({ sessionId });
        return row && publicPart(row);
      }),

    checkRoom: (sessionId, question) =>
      engine.read(async () => turn.checkRoom(sessionId, await turn.stored(sessionId, question))),

    beginTurn: (sessionId, wanted) =>
      engine.writeIn(sessionId, async () => {
        await access.modify(wanted.by, sessionId);
        return turn.begin(sessionId, wanted);
      }),

    completeTurn: (claim, answer) =>
      engine.writeIn(claim.sessionId, async () => {
        const { sessionId, question, by } = claim;
        await access.modify(by, sessionId);
        await turn.release(claim);
        const { requestKey } = question;
        if (requestKey !== null && (await turn.byKey(sessionId, requestKey, "assistant", by)))
          throw requestKeyTaken();
        if (claim.again) await turn.replace(claim);
        else await turn.setStatus(claim, "complete");
        return publicPart(await statements.add(sessionId, answerOf(claim, answer)));
      }),

    failTurn: (claim, status) =>
      engine.writeIn(claim.sessionId, async () => {
        await access.lock(claim.sessionId);
        await turn.release(claim);
        if (!claim.again) await turn.setStatus(claim, status);
      }),

    saveSummary: (claim, summary) =>
      engine.writeIn(claim.sessionId, async () => {
        await access.modify(claim.by, claim.sessionId);
        await turn.checkClaim(claim);
        return summaries.save(claim.sessionId, summary);
      }),
  };
}

class TurnRows {
  readonly q: ReturnType<typeof statementsOf>;
  readonly #engine: Engine;
  readonly #messages: MessageStatements;
  readonly #summaries: SummaryStatements;

  constructor(engine: Engine, statements: MessageStatements, summaries: SummaryStatements) {
    this.#engine = engine;
    this.#messages = statements;
    this.#summaries = summaries;
    this.q = statementsOf(engine);
  }

  async begin(sessionId: string, wanted: NewTurn): Promise<TurnStart> {
    const { instanceId, requestKey, again, by } = wanted;
    const known = await (again ? this.#keyed(sessionId, wanted) : this.stored(sessionId, wanted));
    if (known?.status === "complete") {
      const answer = await this.byKey(sessionId, requestKey!, "assistant", by);
      if (answer === undefined) throw requestKeyTaken();
      return { kind: "answered", question: publicPart(known), answer: publicPart(answer) };
    }
    const [claimed, registered] = await Promise.all([
      this.q.claimed.get({ sessionId }),
      this.q.registered.get({ instanceId }),
    ]);
    if (claimed !== undefined) return { kind: "busy" };
    if (registered === undefined) return { kind: "unregistered" };
    if (!again) return this.#beginNew(sessionId, wanted, known);
    if (known !== undefined && known.seq !== again.seq) throw requestKeyTaken();
    return this.#beginAgain(sessionId, { ...wanted, again });
  }

  async #beginNew(
    sessionId: string,
    { instanceId, prompt, requestKey, by }: NewTurn,
    known: MessageRow | undefined,
  ): Promise<TurnStart> {
    await this.checkRoom(sessionId, known);
    const question =
      known ??
      (await this.#messages.add(
        sessionId,
        {
          role: "user",
          content: prompt,
          status: "pending",
          requestKey: requestKey ?? null,
          author: by?.id ?? null,
        },
        { entitles: true },
      ));
    await this.q.setStatus.run({ sessionId, seq: question.seq, status: "pending" });
    if (requestKey !== undefined && question.requestKey === null) {
      await this.#messages.freeKeys(sessionId, [requestKey]);
      await this.q.setKey.run({ id: question.id, requestKey });
      question.requestKey = requestKey;
    }
    await this.#claim(sessionId, question.id, instanceId);
    const turn = { id: String(question.id), instanceId, sessionId, by };
    return { kind: "started", turn: { ...turn, question: publicPart(question) } };
  }

  /** Claims the last question as it is. Only an answer replaces it; until then nothing changes. */
  async #beginAgain(
    sessionId: string,
    { instanceId, prompt, requestKey, again, by }: NewTurn & { again: Again },
  ): Promise<TurnStart> {
    const last = await this.q.lastQuestion.get({ sessionId });
    if (last?.seq !== again.seq || last.content !== again.content) throw askedMeanwhile();
    const lastSeq = (await this.#messages.last.get({ sessionId }))!.seq;
    await this.#claim(sessionId, last.id, instanceId);
    const mine = { requestKey: requestKey ?? null, author: by?.id ?? null };
    const question = { ...publicPart(last), content: prompt, ...mine };
    const turn = { id: String(last.id), instanceId, sessionId, question, by };
    return { kind: "started", turn: { ...turn, again: { lastSeq } } };
  }

  /** @throws AppError `conflict` when the history was cleared meanwhile, or the claim was taken over */
  async checkClaim({ id, sessionId, instanceId }: Turn): Promise<void> {
    const claim = await this.q.claimed.get({ sessionId });
    if (claim?.messageId !== Number(id) || claim.instanceId !== instanceId) throw claimLost();
  }

  /** Gives the claim back. @throws AppError `conflict` as `checkClaim` */
  async release(turn: Turn): Promise<void> {
    await this.checkClaim(turn);
    await this.q.free.run({ sessionId: turn.sessionId });
  }

  /** Replaces the last question by the one that was asked now, and deletes all that followed it. */
  async replace({ sessionId, question, again }: Turn): Promise<void> {
    const last = await this.#messages.last.get({ sessionId });
    if (last?.seq !== again?.lastSeq) throw askedMeanwhile();
    const { gaps } = this.#messages;
    const { lastSeq } = await gaps.numbers(sessionId);
    const { changes } = await this.q.deleteFrom.run({ sessionId, seq: question.seq });
    const missing = lastSeq - question.seq + 1 - changes;
    await gaps.cut(sessionId, { missing, lastSeq: question.seq - 1 });
    const { content, requestKey, author } = question;
    const asked = { role: "user", status: "complete", content, requestKey, author } as const;
    await this.#messages.add(sessionId, asked);
    await this.#summaries.forget(sessionId, question.seq);
  }

  /** Checks room for the question and its answer, so that no model is asked in vain. */
  async checkRoom(sessionId: string, question: MessageRow | undefined): Promise<void> {
    if (question?.status === "complete") return;
    const { lastSeq } = await this.#messages.gaps.numbers(sessionId);
    await this.#messages.checkSeq(sessionId, lastSeq + (question === undefined ? 2 : 1));
  }

  /** The question, if it is in the history already. @throws AppError `conflict` */
  async stored(sessionId: string, question: Question): Promise<MessageRow | undefined> {
    return (
      (await this.#keyed(sessionId, question)) ??
      unanswered(await this.#messages.last.get({ sessionId }), question)
    );
  }

  byKey(
    sessionId: string,
    requestKey: string,
    role: "user" | "assistant",
    by: Principal | undefined,
  ): Promise<MessageRow | undefined> {
    return this.#messages.byKey.get({ sessionId, requestKey, role, author: by?.id ?? null });
  }

  async setStatus({ sessionId, question }: Turn, status: string): Promise<void> {
    await this.q.setStatus.run({ sessionId, seq: question.seq, status });
  }

  /** The question of this key. @throws AppError `conflict` when it is another one */
  async #keyed(
    sessionId: string,
    { prompt, requestKey, by }: Question,
  ): Promise<MessageRow | undefined> {
    if (requestKey === undefined) return undefined;
    const found = await this.byKey(sessionId, requestKey, "user", by);
    return sameRequest(found, { role: "user", content: prompt });
  }

  async #claim(sessionId: string, messageId: number, instanceId: string): Promise<void> {
    const now = this.#engine.clock.now();
    await this.q.claim.run({ sessionId, messageId, instanceId, now });
  }
}

function statementsOf({ db }: Engine) {
  const ofSession = eq(turns.sessionId, placeholder("sessionId"));
  const inSession = eq(messages.sessionId, placeholder("sessionId"));
  return prepared({
    claimed: () => db.select().from(turns).where(ofSession).for("update"),
    claim: () =>
      db.insert(turns).values({
        sessionId: placeholder("sessionId"),
        messageId: placeholder("messageId"),
        instanceId: placeholder("instanceId"),
        startedAt: placeholder("now"),
      }),
    free: () => db.delete(turns).where(ofSession),
    setStatus: () =>
      db
        .update(messages)
        .set({ status: sql`${placeholder("status")}` })
        .where(and(inSession, eq(messages.seq, placeholder("seq")))),
    lastQuestion: () =>
      db
        .select()
        .from(messages)
        .where(and(inSession, eq(messages.role, "user"), uncleared(placeholder("sessionId"))))
        .orderBy(desc(messages.seq))
        .limit(1),
    deleteFrom: () =>
      db.delete(messages).where(and(inSession, gte(messages.seq, placeholder("seq")))),
    setKey: () =>
      db
        .update(messages)
        .set({ requestKey: sql`${placeholder("requestKey")}` })
        .where(eq(messages.id, placeholder("id"))),
    /** Locked, so that the instance does not end before its turn begins. */
    registered: () =>
      db
        .select({ id: instances.id })
        .from(instances)
        .where(eq(instances.id, placeholder("instanceId")))
        .for("key share"),
  });
}
