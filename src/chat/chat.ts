// A turn of a conversation: the question is stored before the model is called, the answer after it, and two turns of
// one session never interleave, neither in this process (a queue) nor between processes (a claim in the database).
import { setTimeout as sleep } from "node:timers/promises";
import { AppError, toAppError } from "../kernel/errors.ts";
import { checkText } from "../kernel/text.ts";
import { checkAsk, checkMessage, checkModel, type Ask, type Question } from "./ask.ts";
import { contextWindow, MAX_MESSAGES } from "./context-window.ts";
import type { Message } from "./message.ts";
import type { ChatModel, ModelReply, ModelRequest } from "./model.ts";
import type { HistoryStore, NewMessage, Turn } from "./store.ts";

/** How often a claim of another process is looked at again. */
const CLAIM_POLL_MS = 100;

/** The process on whose behalf sessions are claimed. */
export interface Claimant {
  readonly id: string;
  /** Makes sure that other processes know it to be alive. */
  confirm(): Promise<void>;
}

export interface ChatLimits {
  maxMessageBytes: number;
  /** Longest wait for one answer of the model. */
  modelTimeoutMs: number;
}

export class Chat {
  readonly model: ChatModel;
  readonly #store: HistoryStore;
  readonly #claimant: Claimant;
  readonly #limits: ChatLimits;
  /** Turns that have ended but could not be given back. */
  readonly #unreleased = new Map<string, Turn>();
  /** The last turn of each session that has one waiting or running. */
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(store: HistoryStore, model: ChatModel, claimant: Claimant, limits: ChatLimits) {
    this.#store = store;
    this.model = model;
    this.#claimant = claimant;
    this.#limits = limits;
  }

  append(sessionId: string, message: NewMessage): Promise<Message> {
    checkMessage("content", message, this.#limits.maxMessageBytes);
    return this.#store.append(sessionId, message);
  }

  /** The newest `limit` messages below `before`, in order; `nextBefore` is there when older ones are. */
  async page(
    sessionId: string,
    { limit, before }: { limit: number; before?: number | undefined },
  ): Promise<{ messages: Message[]; nextBefore?: number }> {
    const messages = await this.#store.page(sessionId, { limit, before });
    const first = messages[0]?.seq ?? 1;
    return first > 1 ? { messages, nextBefore: first } : { messages };
  }

  /**
   * What somebody else's model is shown when it is asked this now.
   * @throws AppError `limit` or `invalid`, so that nobody is asked in vain
   */
  async conversation(
    sessionId: string,
    ask: Question & Pick<Ask, "system" | "model">,
  ): Promise<ModelRequest["messages"]> {
    checkAsk(ask, this.#limits);
    await this.#store.checkRoom(sessionId, ask);
    const history = await this.#store.page(sessionId, { limit: MAX_MESSAGES });
    return contextWindow(history, { role: "user", content: ask.prompt });
  }

  /**
   * Asks the model with the session's history as its memory. Whatever fails, the question stays stored.
   * @throws AppError `model`, `busy`, `conflict`, `limit` or `invalid`; the signal's reason when aborted
   */
  async ask(sessionId: string, ask: Ask): Promise<{ question: Message; answer: Message }> {
    checkAsk(ask, this.#limits);
    if (ask.reply === undefined) checkModel(ask.model, this.model.models);
    const before = this.#queues.get(sessionId) ?? Promise.resolve();
    const mine = before.then(() => this.#turn(sessionId, ask));
    const settled = mine.catch(() => undefined);
    this.#queues.set(sessionId, settled);
    void settled.then(() => {
      if (this.#queues.get(sessionId) === settled) this.#queues.delete(sessionId);
    });
    return mine;
  }

  async #turn(sessionId: string, ask: Ask): Promise<{ question: Message; answer: Message }> {
    const started = await this.#begin(sessionId, ask);
    if (started.kind === "answered") return started;
    const { turn } = started;
    try {
      const reply = await this.#generate(turn, ask);
      const { text: content, ...rest } = reply;
      return {
        question: turn.question,
        answer: await this.#store.completeTurn(turn, { content, ...rest }),
      };
    } catch (error) {
      // The first error is the one to tell. What cannot be noted now (the disk is full, say) is noted before the next turn.
      const status = ask.signal.aborted ? "interrupted" : "failed";
      await this.#store.failTurn(turn, status).catch((failure: unknown) => {
        if (toAppError(failure).code !== "conflict") this.#unreleased.set(sessionId, turn);
      });
      throw error;
    }
  }

  /** Stores the question and claims the session, waiting for a turn that another process has under way. */
  async #begin(sessionId: string, { prompt, requestKey, signal }: Ask) {
    await this.#claimant.confirm();
    const unreleased = this.#unreleased.get(sessionId);
    if (unreleased !== undefined) {
      await this.#store.failTurn(unreleased, "interrupted");
      this.#unreleased.delete(sessionId);
    }
    let waitedMs = 0;
    for (;;) {
      signal.throwIfAborted();
      const start = await this.#store.beginTurn(sessionId, {
        instanceId: this.#claimant.id,
        prompt,
        requestKey,
      });
      if (start.kind !== "busy") return start;
      if (waitedMs > this.#limits.modelTimeoutMs) {
        throw new AppError(
          "busy",
          "Another program is still waiting for an answer in this session.",
          {
            hint: "Try again when it is done.",
          },
        );
      }
      await sleep(CLAIM_POLL_MS, undefined, { signal });
      waitedMs += CLAIM_POLL_MS;
    }
  }

  async #generate(turn: Turn, ask: Ask): Promise<ModelReply> {
    const reply = ask.reply ?? (await this.#askModel(turn, ask));
    checkText("The model's answer", reply.text, this.#limits.maxMessageBytes);
    return reply;
  }

  async #askModel({ sessionId, question }: Turn, ask: Ask): Promise<ModelReply> {
    const history = await this.#store.page(sessionId, {
      limit: MAX_MESSAGES,
      before: question.seq,
    });
    const timeout = AbortSignal.timeout(this.#limits.modelTimeoutMs);
    const { system, model, temperature, maxTokens, onText } = ask;
    try {
      return await this.model.generate({
        sessionId,
        question,
        messages: contextWindow(history, question),
        ...{ system, model, temperature, maxTokens, onText },
        signal: AbortSignal.any([ask.signal, timeout]),
      });
    } catch (error) {
      ask.signal.throwIfAborted();
      if (!timeout.aborted) throw error;
      throw new AppError(
        "model",
        `The model gave no answer within ${this.#limits.modelTimeoutMs / 1000} s.`,
        {
          hint: "The question is stored: ask it again to retry. The setting model-timeout allows more time.",
          cause: error,
        },
      );
    }
  }
}
