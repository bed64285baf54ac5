// The built-in stand-in on machines without a configured model. It is no language model, and says so: it searches the
// conversation for the words of the question, and quotes the best matches.
import type { Message } from "../chat/message.ts";
import type { ChatModel, ModelReply, ModelRequest } from "../chat/model.ts";
import type { HistoryStore } from "../chat/store.ts";
import { inOneLine } from "../lib/text/quoted.ts";

const MAX_QUOTES = 3;
/** Newest messages with a word that are ranked. */
const AMONG = 100;
/** Messages among which an answer of recall has introduced it. */
const LATELY = 20;
/** Characters of a question that are searched for. */
const MAX_ASKED_CHARACTERS = 10_000;
const MAX_QUOTE_CHARACTERS = 300;

const INTRODUCTION =
  "(No language model is configured: this is recall, which quotes this conversation. " +
  "Set model-url and model to get answers.)";
/** Stands for the introduction in further answers of a conversation. */
const REMINDER = "(recall, no language model:)";

export class Recall implements ChatModel {
  readonly label = "recall";
  readonly fallback = true;
  readonly #history: Pick<HistoryStore, "search" | "page">;

  constructor(history: Pick<HistoryStore, "search" | "page">) {
    this.#history = history;
  }

  async generate({ sessionId, question, onText }: ModelRequest): Promise<ModelReply> {
    const found = await this.#history.search(
      { session: sessionId },
      question.content.slice(0, MAX_ASKED_CHARACTERS),
      {
        loose: true,
        limit: MAX_QUOTES,
        among: AMONG,
        before: question.seq,
        // Skip recall's own earlier answers, and earlier copies of the same question: neither is a source.
        except: { model: this.label, prompt: question.content },
      },
    );
    const quotes = found.map(({ message }) => quote(message));
    const before = question.seq;
    const { messages } = await this.#history.page(sessionId, { limit: LATELY, before });
    const isKnown = messages.some(({ model }) => model === this.label);
    const first = isKnown ? REMINDER : INTRODUCTION;
    const text = [first, ...(quotes.length === 0 ? [NOTHING] : quotes)].join("\n");
    onText?.(text);
    return { text, model: this.label };
  }
}

const NOTHING = "Nothing earlier in this conversation matches. What you said is stored.";

function quote({ seq, role, content }: Message): string {
  const line = inOneLine(content.replace(FENCE, "")).replace(/\s+/g, " ").trim();
  const cut =
    line.length > MAX_QUOTE_CHARACTERS
      ? `${closed(line.slice(0, MAX_QUOTE_CHARACTERS).toWellFormed())}…`
      : line;
  return `#${seq} ${role}: “${cut}”`;
}

/** A line of a message that begins or ends a block of code: in the middle of a line it would be something else. */
const FENCE = /^ {0,3}(?:`{3,}|~{3,}).*$/gm;

/** Ends the code and the bold text that a cut has left open in Markdown. */
function closed(text: string): string {
  const open = ["`", "**"].filter((mark) => text.split(mark).length % 2 === 0);
  return text + open.join("");
}
