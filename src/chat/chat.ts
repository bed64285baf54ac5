// A turn of a conversation. The question is stored before the model is called, and the answer after the call. Two
// turns of one session never interleave, neither in this process (a queue) nor between processes (a claim in the
// database).
import { AppError, toAppError } from "../lib/errors.ts";
import type { PageBounds } from "../lib/page.ts";
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
import type { Message } from "./message.ts";
import { ASK_AGAIN, type ChatModel, type ModelReply, type ModelRequest } from "./model.ts";
import { storableReply } from "./reply.ts";
import type { HistoryStore, MessagePage, NewMessage, Summary, Turn, TurnStart } from "./store.ts";
import { Summarizer } from "./summarizer.ts";

/** The process that claims sessions. */
export interface Claimant {
  readonly id: string;
  /** Registers this process again, after others have taken it for dead. */
  confirm(): Promise<void>;
}

export interface ChatLimits {
  maxMessageBytes: number;
  /** Maximum wait for one answer of the model. */
  modelTimeoutMs: number;
}

export interface ChatParts {
  store: HistoryStore;
  model: ChatModel;
  window: ContextWindow;
  claimant: Claimant;
  changes: Changes;
  limits: ChatLimits;
  /** Called with a failure that does not end the turn. */
  onError: (error: unknown) => void;
}

export class Chat {
  readonly model: ChatModel;
  readonly #store: HistoryStore;
  readonly #claimant: Claimant;
  readonly #changes: Changes;
  readonly #limits: ChatLimits;
  readonly #window: ContextWindow;
  readonly #summarizer: Summarizer;
  readonly #onError: (error: unknown) => void;
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
    this.#summarizer = new Summarizer(store, window, model);
    this.#claimant = claimant;
    this.#changes = changes;
    this.#limits = limits;
    this.#onError = onError;
  }

  /** The sessions with a turn that is under way in this process. */
  get running(): string[] {
    return [...this.#running];
  }

  /** @throws AppError `invalid` or `limit` for a message that cannot be stored */
  checkMessage(message: NewMessage): void {
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
    if (ask.reply === undefined && !this.model.fallback) await this.#window.check(ask);
    const started = await this.#begin(sessionId, ask);
    if (started.kind === "answered") return started;
    const { turn } = started;
    const { notifyWith = untold } = ask;
    this.#running.add(sessionId);
    try {
      const reply = await this.#generate(turn, ask);
      const { text: content, ...rest } = reply;
      return {
        question: turn.question,
        answer: await notifyWith(() => this.#store.completeTurn(turn, { content, ...rest })),
      };
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
    return this.#withinTime(ask.signal, (signal) =>
      this.model.generate({
        ...{ sessionId, question, messages, signal },
        ...{ system, model, temperature, maxTokens, onText },
        answerTokens: this.#window.parts(ask).answer,
      }),
    );
  }

  /** The messages to show to the model. A failed summary does not stop the question. */
  async #conversation(turn: Turn, ask: Ask): Promise<ModelRequest["messages"]> {
    const { sessionId, question } = turn;
    if (this.model.fallback) return [question];
    const view = await this.#window.view(sessionId, ask, question.seq);
    if (!view.overflows || view.room <= 0) return conversationOf(view, question.content);
    try {
      const folded = await this.#withinTime(ask.signal, (signal) =>
        this.#summarizer.fold(turn, view, ask, signal),
      );
      return conversationOf(folded, question.content);
    } catch (error) {
      ask.signal.throwIfAborted();
      if (toAppError(error).code !== "model") throw error;
      this.#onError(error);
      return conversationOf(view, question.content);
    }
  }

  async #withinTime<T>(asked: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const timeout = AbortSignal.timeout(this.#limits.modelTimeoutMs);
    try {
      return await run(AbortSignal.any([asked, timeout]));
    } catch (error) {
      asked.throwIfAborted();
      if (!timeout.aborted) throw error;
      throw new AppError(
        "model",
        `The model gave no answer within ${this.#limits.modelTimeoutMs / 1000} s.`,
        {
          hint: `${ASK_AGAIN} The setting model-timeout allows more time.`,
          cause: error,
        },
      );
    }
  }
}

const untold: NonNullable<Ask["notifyWith"]> = (act) => act();
