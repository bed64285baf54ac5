// The answer of a server without a model: no language model and it says so. It ranks the conversation's own messages
// against the prompt and quotes the best ones.
import type { Message } from "../chat/message.ts";
import type { ChatModel, ModelReply, ModelRequest } from "../chat/model.ts";
import type { HistoryStore } from "../chat/store.ts";

const MAX_WORDS = 32;
const MAX_QUOTES = 3;
/** How many matches are looked through for quotes. */
const MAX_CANDIDATES = 200;
const MAX_QUOTE_CHARACTERS = 300;

const INTRODUCTION =
  "(No language model is configured: this is recall, which quotes this conversation. " +
  "Set model-url and model to get answers.)";

export class Recall implements ChatModel {
  readonly label = "recall";
  readonly fallback = true;
  readonly #history: Pick<HistoryStore, "search">;

  constructor(history: Pick<HistoryStore, "search">) {
    this.#history = history;
  }

  async generate({ sessionId, question, onText }: ModelRequest): Promise<ModelReply> {
    const found = await this.#history.search(sessionId, words(question.content), {
      limit: MAX_CANDIDATES,
      before: question.seq,
    });
    const quotes = found.filter((message) => isTestimony(message, question)).slice(0, MAX_QUOTES);
    const text = [INTRODUCTION, ...(quotes.length === 0 ? [NOTHING] : quotes.map(quote))].join(
      "\n",
    );
    onText?.(text);
    return { text, model: this.label };
  }
}

const NOTHING = "Nothing earlier in this conversation matches. What you said is stored.";

/** What recall itself said before is no source, and neither is the same question, asked before. */
const isTestimony = ({ model, role, content }: Message, question: Message): boolean =>
  model !== "recall" && !(role === "user" && content === question.content);

/** The distinct words of a text, cut as the full-text index cuts them. */
function words(text: string): string[] {
  const found = text.toLowerCase().match(/[\p{L}\p{M}\p{N}\p{Co}]+/gu) ?? [];
  return [...new Set(found)].slice(0, MAX_WORDS);
}

function quote({ seq, role, content }: Message): string {
  const line = content.replace(/\s+/g, " ").trim();
  const cut = line.length > MAX_QUOTE_CHARACTERS ? `${line.slice(0, MAX_QUOTE_CHARACTERS)}…` : line;
  return `#${seq} ${role}: “${cut}”`;
}
