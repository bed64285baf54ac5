// What is asked of a model, and what must be right about it before anything is stored or sent.
import type { Principal } from "../auth/principal.ts";
import { AppError } from "../lib/errors.ts";
import type { Message } from "./message.ts";
import { checkText } from "../lib/text/text.ts";
import type { ModelReply, ModelRequest } from "./model.ts";

const MAX_REQUEST_KEY_BYTES = 200;
export const MAX_MODEL_BYTES = 200;

/** What the question itself says. */
export interface Question {
  prompt: string;
  /** Asking again with the same key returns the stored answer. */
  requestKey?: string | undefined;
  /** It takes the place of this question, which must still be the last, and its answer that of all that followed. */
  again?: Again | undefined;
}

/** A question that is asked once more, as it was found. */
export type Again = Pick<Message, "seq" | "content">;

export interface Ask
  extends
    Question,
    Pick<ModelRequest, "system" | "model" | "temperature" | "maxTokens" | "onText"> {
  /** The answer, when somebody else's model has given it already. */
  reply?: ModelReply | undefined;
  /** Who asks. */
  by?: Principal | undefined;
  /** Tells whoever follows the conversation, in one with what changes it: see UpdateNotifier.notifyWith. */
  notifyWith?: NotifyWith | undefined;
  signal: AbortSignal;
}

type NotifyWith = <T>(act: () => Promise<T>, tells?: (result: unknown) => boolean) => Promise<T>;

/** @throws AppError `invalid` or `limit` */
export function checkAsk(
  { prompt, requestKey, system, model }: Question & Pick<Ask, "system" | "model">,
  { maxMessageBytes }: { maxMessageBytes: number },
): void {
  checkMessage("prompt", { content: prompt, requestKey }, maxMessageBytes);
  if (system !== undefined) checkText("system", system, maxMessageBytes, "max-message");
  if (model !== undefined) checkText("model", model, MAX_MODEL_BYTES);
}

/** @throws AppError `invalid` or `limit` */
export function checkMessage(
  what: string,
  { content, requestKey }: { content: string; requestKey?: string | undefined },
  maxBytes: number,
): void {
  if (content === "") throw new AppError("invalid", `${what}: expected text that is not empty.`);
  checkText(what, content, maxBytes, "max-message");
  if (requestKey !== undefined) checkText("request_key", requestKey, MAX_REQUEST_KEY_BYTES);
}

/** @throws AppError `invalid` for a model that the endpoint is not meant to answer with */
export function checkModel(name: string | undefined, models: readonly string[] | undefined): void {
  if (name === undefined || models === undefined || models.includes(name)) return;
  throw new AppError(
    "invalid",
    `model: ${JSON.stringify(name)} cannot be asked here; ${models.join(", ")} can.`,
    { hint: "The setting models allows more." },
  );
}

export const nothingAsked = (): AppError =>
  new AppError("invalid", "Nothing has been asked in this session yet.", {
    hint: "Ask with chat.",
  });

export const askedMeanwhile = (): AppError =>
  new AppError("conflict", "The conversation went on meanwhile: its last turn was left as it is.", {
    hint: "Call chat_retry again to ask its last question now.",
  });
