// A turn of a conversation. The question is stored before the model is called, and the answer after the call. Two
// turns of one session never interleave, neither in this process (a queue) nor between processes (a claim in the
// database).
import type { LiveProcess } from "../idempotency/idempotent-calls.ts";
import { AppError, throughOutage, toAppError } from "../lib/errors.ts";
import type { PageBounds } from "../lib/page.ts";
import { eitherOf } from "../lib/text/expected.ts";
import { type Changes, ChangeWait } from "../updates/changes.ts";
import {
  type Ask,
  checkAsk,
  checkMessage,
  checkModel,
  nothingAsked,
  type Question,
} from "./ask.ts";
import { type ContextWindow, conversationOf } from "./context-window.ts";
import { type Message, ROLES } from "./message.ts";
import { ASK_AGAIN, type ChatModel, type ModelReply, type ModelRequest } from "./model.ts";
import { storableReply } from "./reply.ts";
import type { HistoryStore, MessagePage, NewMessage, Summary, Turn, TurnStart } from "./store.ts";
import { Summaries } from "./summaries/summaries.ts";

export interface ChatLimits {
  maxMessageBytes: number;
  /** Longest silence of the model. */
  modelTimeoutMs: number;
}

export interface ChatParts {
  store: HistoryStore;
  model: ChatModel;
  window: ContextWindow;
  /** The process that claims sessions. */
  claimant: LiveProcess;
  changes: Changes;
  limits: ChatLimits;
  /** Called with a failure that does not end the turn. */
  onError: (error: unknown) => void;
}

export interface Answered {
  question: Message;
  answer: Message;
  /** Why this call's answer ended before its end; undefined for a complete one, and for one that was stored before. */
  finishReason?: string | undefined;
}

export class Chat {
  readonly model: ChatModel;
  readonly #store: HistoryStore;
  readonly #claimant: LiveProcess;
  readonly #changes: Changes;
  readonly #limits: ChatLimits;
  readonly #window: ContextWindow;
  readonly #summaries: Summaries;
  /** Ended turns whose claims could not be released. */
  readonly #unreleased = new Map<string, Turn>();
  /** Sessions with a turn of this process. */
  readonly #running = new Set<string>();
  /** The last waiting or running turn of each session. */
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor({ store, model, window, claimant, changes, limits, onError }: ChatParts) {
    this.#store = store;
    this.model = model;
    this.#window = window;
    const { modelTimeoutMs } = limits;
    this.#summaries = new Summaries({ store, window, model, modelTimeoutMs, onError });
    this.#claimant = claimant;
    this.#changes = changes;
    this.#limits = limits;
  }

  /** Ends what goes on behind the turns. */
  close(): void {
    this.#summaries.stop();
  }

  /** The sessions with a turn that is under way in this process. */
  get running(): string[] {
    return [...this.#running];
  }

  /** @throws AppError `invalid` or `limit` for a message that cannot be stored */
  checkMessage(message: NewMessage): void {
    if (!ROLES.includes(message.role))
      throw new AppError("invalid", `role: expected ${eitherOf(ROLES)}.`);
    checkMessage("content", message, this.#limits.maxMessageBytes);
  }

  append(sessionId: string, message: NewMessage): Promise<Message> {
    this.checkMessage(message);
    return this.#store.append(sessionId, message);
  }

  /** The newest messages below `before` that fit on one page, in ascending order. */
  page(
    sessionId: string,
    options: PageBounds & { before?: number | undefined },
  ): Promise<MessagePage> {
    return this.#store.page(sessionId, options);
  }

  /** @throws AppError `invalid` when the session has no question yet */
  async lastQuestion(sessionId: string): Promise<Message> {
    const question = await this.#store.lastQuestion(sessionId);
    if (question === undefined) throw nothingAsked();
    return question;
  }

  /** The summary of the messages that no longer fit into a model's window. */
  summary(sessionId: string): Promise<Summary | undefined> {
    return this.#store.summary(sessionId);
  }

  /**
   * The messages to show to a client's model for this question. That model is not asked for summaries.
   * @throws AppError `limit` or `invalid`, before the client's model is asked in vain
   */
  async conversation(
    sessionId: string,
    ask: Question & Pick<Ask, "system" | "model" | "maxTokens">,
  ): Promise<ModelRequest["messages"]> {
    checkAsk(ask, this.#limits);
    await this.#window.check(ask);
    if (!ask.again) await this.#store.checkRoom(sessionId, ask);
    return conversationOf(await this.#window.view(sessionId, ask, ask.again?.seq), ask.prompt);
  }

  /**
   * Asks the model, with the session's history as context. The question stays stored, also when the model fails.
   * @throws AppError `model`, `busy`, `conflict`, `limit` or `invalid`; the signal's reason when aborted
   */
  async ask(sessionId: string, ask: Ask): Promise<Answered> {
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

  async #turn(sessionId: string, ask: Ask): Promise<Answered> {
    if (ask.reply === undefined && !this.model.fallback) await this.#window.check(ask);
    const started = await this.#begin(sessionId, ask);
    if (started.kind === "answered") return started;
    const { turn } = started;
    const { notifyWith = untold } = ask;
    this.#running.add(sessionId);
    try {
      const reply = await this.#generate(turn, ask);
      const { text: content, finishReason, ...rest } = reply;
      // The model is not asked again for an outage of the database.
      const answer = await throughOutage(() =>
        notifyWith(() => this.#store.completeTurn(turn, { content, ...rest })),
      );
      return { question: turn.question, answer, finishReason };
    } catch (error) {
      // Report the first error. A failure that cannot be stored now (the disk is full, say) is stored before the next
      // turn.
      const status = ask.signal.aborted ? "interrupted" : "failed";
      const failing = notifyWith(() => this.#store.failTurn(turn, status));
      await failing.catch((failure: unknown) => {
        if (toAppError(failure).code !== "conflict") this.#unreleased.set(sessionId, turn);
      });
      throw error;
    } finally {
      this.#running.delete(sessionId);
    }
  }

  /** Stores the question and claims the session; waits while another process has a turn under way. */
  async #begin(sessionId: string, ask: Ask) {
    const { prompt, requestKey, again, by, signal, notifyWith = untold } = ask;
    const unreleased = this.#unreleased.get(sessionId);
    if (unreleased !== undefined) {
      await this.#store.failTurn(unreleased, "interrupted");
      this.#unreleased.delete(sessionId);
    }
    const deadline = performance.now() + this.#limits.modelTimeoutMs;
    using waiting = new ChangeWait(this.#changes, { kind: "session", id: sessionId });
    for (;;) {
      signal.throwIfAborted();
      const question = { instanceId: this.#claimant.id, prompt, requestKey, again, by };
      const start = await notifyWith(
        () => this.#store.beginTurn(sessionId, question),
        (begun) => (begun as TurnStart).kind === "started",
      );
      if (start.kind === "unregistered") {
        await this.#claimant.confirm();
        continue;
      }
      if (start.kind !== "busy") return start;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) {
        throw new AppError(
          "busy",
          "Another program is still waiting for an answer in this session.",
          {
            hint: "Try again when it is done.",
          },
        );
      }
      await waiting.next(signal, leftMs);
    }
  }

  async #generate(turn: Turn, ask: Ask): Promise<ModelReply> {
    const reply = ask.reply ?? (await this.#askModel(turn, ask));
    return storableReply(reply, this.#limits.maxMessageBytes);
  }

  async #askModel(turn: Turn, ask: Ask): Promise<ModelReply> {
    const { sessionId, question } = turn;
    const { system, model, temperature, maxTokens, onText } = ask;
    const messages = await this.#conversation(turn, ask);
    return this.#unlessSilent(ask.signal, (signal, onActivity) =>
      this.model.generate({
        ...{ sessionId, question, messages, signal, onActivity },
        ...{ system, model, temperature, maxTokens, onText },
        answerTokens: this.#window.parts(ask).answer,
      }),
    );
  }

  /** The messages to show to the model. */
  async #conversation(turn: Turn, ask: Ask): Promise<ModelRequest["messages"]> {
    const { sessionId, question } = turn;
    if (this.model.fallback) return [question];
    const view = await this.#window.view(sessionId, ask, question.seq);
    const shown =
      view.overflows && view.room > 0
        ? await this.#summaries.fold(turn, view, ask, ask.signal)
        : view;
    return conversationOf(shown, question.content);
  }

  /** Ends a model's silence; a model that goes on speaking may take any time. */
  async #unlessSilent<T>(
    asked: AbortSignal,
    run: (signal: AbortSignal, onActivity: () => void) => Promise<T>,
  ): Promise<T> {
    const { modelTimeoutMs } = this.#limits;
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(), modelTimeoutMs);
    try {
      return await run(AbortSignal.any([asked, silence.signal]), () => void timer.refresh());
    } catch (error) {
      asked.throwIfAborted();
      if (!silence.signal.aborted) throw error;
      throw new AppError("model", `The model gave no answer within ${modelTimeoutMs / 1000} s.`, {
        hint: `${ASK_AGAIN} The setting model-timeout allows more time.`,
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }
}

const untold: NonNullable<Ask["notifyWith"]> = (act) => act();
