// Rules of clients that hold on every engine.
import { AppError } from "../../lib/errors.ts";

/** Maximum length of an ended client's name, in characters. */
export const SHOWN = 200;

export const tooManyClients = (maxClients: number): AppError =>
  new AppError("limit", `You have ${maxClients} programs connected: end some first.`, {
    hint: "The setting max-clients allows more.",
  });
