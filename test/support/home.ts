// The line with which the first result at home tells that its call has opened it.

/** The text of a result that says `text` and names the session that its call opened. */
export const openingHome = (text: string, session: unknown): string =>
  `${text}\n(This call opened the session "home", ${String(session)}.)`;
