// Rules of calls with a request key that hold on every engine.

/** The instance of a call that failed and may be done again. */
export const NOBODY = "";

/** In place of an instance, at work that its instance has abandoned: no instance has this id. */
export const GONE = "gone";

/** Maximum number of outcomes that are deleted at once to make room. */
export const FREED_OUTCOMES = 50;

/** The noted result of a write. */
export const resultOf = <T>(noted: string | null): T =>
  (noted === null ? undefined : JSON.parse(noted)) as T;
