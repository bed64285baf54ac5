// The port for histories and the claims of chat turns.
import type { Principal } from "../auth/principal.ts";
import type { PageBounds } from "../lib/page.ts";
import type { Again } from "./ask.ts";
import type { Message, Role } from "./message.ts";

export interface NewMessage {
  role: Role;
  content: string;
  /** Appending again with the same key returns the first message. */
  requestKey?: string | undefined;
  /** The principal of the call, which must still have access; absent for the program itself. */
  by?: Principal | undefined;
}

export interface Answer {
  content: string;
  model: string;
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
}

/** A question that waits for its answer. The turn claims the session until it is completed or failed. */
export interface Turn {
  /** Opaque. */
  id: string;
  instanceId: string;
  sessionId: string;
  question: Message;
  /** The principal that asks now; a question that is taken up again may have another author. */
  by: Principal | undefined;
  /** Set when the last question is asked again: the number of the last message at that time. */
  again?: { lastSeq: number };
}

/** The text that stands for the messages that no longer fit into a model's window. */
export interface Summary {
  /** Number of the last message that the summary covers. */
  uptoSeq: number;
  /** Number of these messages that were never summarized, because they were too many at once. */
  leftOut: number;
  content: string;
  /** The model that wrote the summary. */
  model: string;
  createdAt: number;
}

/** Result of `beginTurn`. `busy`: another turn of this session is running. `unregistered`: the instance is. */
export type TurnStart =
  | { kind: "started"; turn: Turn }
  | { kind: "answered"; question: Message; answer: Message }
  | { kind: "busy" }
  | { kind: "unregistered" };

/** One session, or all live sessions that a principal owns or that were shared with it. */
export type SearchScope = { session: string } | { principal: string };

/** What a message must be, beside its words. */
export interface SearchFilters {
  role?: Role | undefined;
  /** Stored at this time or later, in milliseconds. */
  since?: number | undefined;
  /** Stored before this time. */
  until?: number | undefined;
  /** Texts that the title of its session must have. */
  title?: readonly string[] | undefined;
}

export interface SearchOptions {
  limit: number;
  filters?: SearchFilters | undefined;
  /** Phrases that the message must have, word for word. */
  phrases?: readonly string[] | undefined;
  /** Words and phrases that the message must not have. */
  excluded?: readonly string[] | undefined;
  /** The last word may be the beginning of a longer one. */
  open?: boolean | undefined;
  /** Only messages below this number; for a search in one session. */
  before?: number | undefined;
  /** Any two adjacent characters of a script without spaces match, not only the whole phrase. */
  loose?: boolean | undefined;
  /** Maximum number of candidates per term, the newest ones. */
  among: number;
  /** Leaves out this model's messages, questions that it answered, and users' messages that equal this prompt. */
  except?: { model: string; prompt: string } | undefined;
}

export interface Found {
  session: string;
  /** The session's title. */
  title: string | null;
  /** The message; only the beginning of a very long one. */
  message: Message;
  /** Relevance, above 0; higher is better. */
  score: number;
}

/** A message to embed. `id` is the storage's own. */
export interface Unembedded {
  id: number;
  content: string;
}

export interface StoredVector {
  /** Grows with each stored vector. */
  seq: number;
  id: number;
  vector: Float32Array;
}

/** The port for the vectors of search by meaning. */
export interface VectorStore {
  /** Messages without a vector of this model, the newest first; their beginnings. */
  unembedded(model: string, limit: number): Promise<Unembedded[]>;
  /** Stores vectors, but for messages that are gone or have one. */
  add(model: string, vectors: readonly { id: number; vector: Float32Array }[]): Promise<void>;
  /** Forgets some vectors of other models; resolves to their number. */
  forgetOthers(model: string, limit: number): Promise<number>;
  /** Vectors of the session's messages, or of all that the principal owns, behind `after`, in order. */
  after(scope: SearchScope, model: string, after: number, limit: number): Promise<StoredVector[]>;
  /** Those of the messages that the scope has now, in the given order. */
  messages(scope: SearchScope, ids: readonly number[]): Promise<Found[]>;
}

/** Search by meaning; see HistorySearch. */
export interface MeaningSearch {
  /** The messages that are nearest to the text, the best first. @throws AppError `model` */
  find(scope: SearchScope, text: string, limit: number): Promise<Found[]>;
}

/** A fact of a session's state. */
export interface FactRow {
  session: string;
  title: string | null;
  key: string;
  /** JSON text; the beginning of a long one. */
  value: string;
  updatedAt: number;
}

/** The port for the facts that a search finds beside messages. */
export interface FactStore {
  /** The facts of the session, or of the principal's newest sessions. */
  recent(scope: SearchScope, limit: number): Promise<FactRow[]>;
}

export interface MessagePage {
  messages: Message[];
  /** The `before` of the next page; absent on the last page. */
  nextBefore?: number;
}

export interface HistoryStore {
  /**
   * Stores a message under the session's next number. Numbers have no holes, whichever processes write to a session.
   * @throws AppError `conflict` when the request key belongs to another message
   */
  append(sessionId: string, message: NewMessage): Promise<Message>;
  /** The newest messages below `before` that fit on one page, in ascending order. */
  page(
    sessionId: string,
    options: PageBounds & { before?: number | undefined },
  ): Promise<MessagePage>;
  /**
   * The messages that match any term of the query (search/terms.ts), the best first. Messages rank higher with more of
   * the terms, with rarer terms, and with more matches in less text. Only the newest messages with a very frequent term
   * are ranked. A query without a term matches the newest messages that filters leave; without a filter, nothing.
   */
  search(scope: SearchScope, query: string, options: SearchOptions): Promise<Found[]>;
  /**
   * Stores the question as pending and claims the session for one turn. A failed or interrupted question is taken up
   * again in two cases: its request key matches, or it is the last message and the prompt is the same. With `again`,
   * the last question is asked again, perhaps in other words. Nothing changes before the answer, and nothing at all
   * when the history grows meanwhile.
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
  /** The newest message of a user. */
  lastQuestion(sessionId: string): Promise<Message | undefined>;
  /** @throws AppError `limit` when a session has no room for this question and its answer */
  checkRoom(
    sessionId: string,
    question: { prompt: string; requestKey?: string | undefined; by?: Principal | undefined },
  ): Promise<void>;
  /**
   * Stores the answer, completes the question and releases the session, in one operation.
   * @throws AppError `conflict` when the history was cleared meanwhile
   */
  completeTurn(turn: Turn, answer: Answer): Promise<Message>;
  /** Marks the question and releases the session. */
  failTurn(turn: Turn, status: "failed" | "interrupted"): Promise<void>;
  summary(sessionId: string): Promise<Summary | undefined>;
  /**
   * Replaces the session's summary during a turn.
   * @throws AppError `conflict` when the history was cleared meanwhile
   */
  saveSummary(turn: Turn, summary: Omit<Summary, "createdAt">): Promise<Summary>;
}
