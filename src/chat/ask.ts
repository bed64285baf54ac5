// A request to a model, and the checks that run before anything is stored or sent.
import type { Principal } from "../auth/principal.ts";
import { checkRequestKey } from "../idempotency/request-key.ts";
import { AppError } from "../lib/errors.ts";
import { checkText, cleanName } from "../lib/text/text.ts";
import type { Message } from "./message.ts";
import type { ModelReply, ModelRequest } from "./model.ts";

/** Maximum size of a model's name, in calls, stored answers and imported files. */
const MAX_MODEL_BYTES = 500;

export interface Question {
  prompt: string;
  /** Asking again with the same key returns the stored answer. */
  requestKey?: string | undefined;
  /** The question that this one replaces, with all that followed it; it must still be the last question. */
  again?: Again | undefined;
}

/** The replaced question, as it was read before. */
export type Again = Pick<Message, "seq" | "content">;

export interface Ask
  extends
    Question,
    Pick<ModelRequest, "system" | "model" | "temperature" | "maxTokens" | "onText"> {
  /** The answer of a client's model, when it exists already. */
  reply?: ModelReply | undefined;
  /** The principal of the call. */
  by?: Principal | undefined;
  /** Runs a change and notifies the session's subscribers in one operation: see UpdateNotifier.notifyWith. */
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
  if (model !== undefined) checkModelName(model);
}

/** @throws AppError `invalid` for a name that is too long or cannot be stored */
export const checkModelName = (name: string): void => checkText("model", name, MAX_MODEL_BYTES);

/** A model's name as an endpoint gave it, in a form that can be stored. */
export const storableModel = (name: string): string => cleanName(name, MAX_MODEL_BYTES);

/** @throws AppError `invalid` or `limit` */
export function checkMessage(
  what: string,
  { content, requestKey }: { content: string; requestKey?: string | undefined },
  maxBytes: number,
): void {
  if (content === "") throw new AppError("invalid", `${what}: expected text that is not empty.`);
  checkText(what, content, maxBytes, "max-message");
  if (requestKey !== undefined) checkRequestKey(requestKey);
}

/** @throws AppError `invalid` for a model that the endpoint's settings do not list */
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
