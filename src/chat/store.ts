// The port that keeps histories and the claims of chat turns.
import type { Principal } from "../auth/principal.ts";
import type { PageBounds } from "../lib/page.ts";
import type { Term } from "../search/terms.ts";
import type { Again } from "./ask.ts";
import type { Message, Role } from "./message.ts";

export interface NewMessage {
  role: Role;
  content: string;
  /** Appending again with the same key returns the first message. */
  requestKey?: string | undefined;
  /** On whose call it is written, who must still be allowed to; absent for the program itself. */
  by?: Principal | undefined;
}

export interface Answer {
  content: string;
  model: string;
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
}

/** A question that is being answered; it holds the session until it is completed or failed. */
export interface Turn {
  id: number;
  instanceId: string;
  sessionId: string;
  question: Message;
  /** Who asks now; a question that is taken up again may be somebody else's. */
  by: Principal | undefined;
  /** The last question is asked again; the history ended with this message then. */
  again?: { lastSeq: number };
}

/** What a model is told of the messages that no longer fit beside the newest ones. */
export interface Summary {
  /** It stands for the messages up to this one. */
  uptoSeq: number;
  /** How many of these nobody read for it, because they were too many at once. */
  leftOut: number;
  content: string;
  /** Which model wrote it. */
  model: string;
  createdAt: number;
}

/** What `beginTurn` found. `busy`: another turn of this session is running. */
export type TurnStart =
  | { kind: "started"; turn: Turn }
  | { kind: "answered"; question: Message; answer: Message }
  | { kind: "busy" };

/** One session, or all living ones that a principal owns or that were shared with it. */
export type SearchScope = { session: string } | { principal: string };

export interface SearchOptions {
  limit: number;
  /** Of one session: only messages below this number. */
  before?: number | undefined;
  /** So many of the newest messages that have a term compete, if very many have it. */
  among: number;
  /** Leaves out what this model wrote, and users' messages that say exactly this. */
  except?: { model: string; prompt: string } | undefined;
}

export interface Found {
  session: string;
  /** Of the session. */
  title: string | null;
  /** Of a very long one, the beginning. */
  message: Message;
  /** Above 0; higher is better. */
  score: number;
}

export interface MessagePage {
  messages: Message[];
  /** Present when there are older ones: the `before` of the next page. */
  nextBefore?: number;
}

export interface HistoryStore {
  /** @throws AppError `conflict` when the request key belongs to another message */
  append(sessionId: string, message: NewMessage): Promise<Message>;
  /** The newest messages below `before`, as many as are on a page, in order. */
  page(
    sessionId: string,
    options: PageBounds & { before?: number | undefined },
  ): Promise<MessagePage>;
  /**
   * The messages that match any of the terms, the best first: those with more of the terms, with rarer ones, and with
   * more of them in less text. Of a term that very many messages have, the newest of these compete.
   */
  search(scope: SearchScope, terms: readonly Term[], options: SearchOptions): Promise<Found[]>;
  /**
   * Stores the question as pending and claims the session for one turn. A question that failed or was interrupted is
   * taken up again when it comes with its request key, or when it is the last message and the prompt is the same.
   * `again`: the last question is asked once more, perhaps in other words; until that is answered nothing changes, and
   * when somebody adds to the history meanwhile nothing changes at all.
   * @throws AppError `conflict` when the request key belongs to another prompt, `limit` as `checkRoom`
   */
  beginTurn(
    sessionId: string,
    turn: {
      instanceId: string;
      prompt: string;
      requestKey?: string | undefined;
      again?: Again | undefined;
      by?: Principal | undefined;
    },
  ): Promise<TurnStart>;
  /** What a user said last. */
  lastQuestion(sessionId: string): Promise<Message | undefined>;
  /** @throws AppError `limit` when a session has no room for this question and its answer */
  checkRoom(
    sessionId: string,
    question: { prompt: string; requestKey?: string | undefined; by?: Principal | undefined },
  ): Promise<void>;
  /**
   * Stores the answer, completes the question and frees the session, in one.
   * @throws AppError `conflict` when the history was cleared meanwhile
   */
  completeTurn(turn: Turn, answer: Answer): Promise<Message>;
  /** Marks the question and frees the session. */
  failTurn(turn: Turn, status: "failed" | "interrupted"): Promise<void>;
  summary(sessionId: string): Promise<Summary | undefined>;
  /**
   * Replaces the session's summary during a turn.
   * @throws AppError `conflict` when the history was cleared meanwhile
   */
  saveSummary(turn: Turn, summary: Omit<Summary, "createdAt">): Promise<Summary>;
  /** Ends the turns that a dead instance left: their questions become `interrupted`. Resolves to how many. */
  interruptTurns(instanceId: string): Promise<number>;
}
