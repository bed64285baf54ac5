// What a conversation is called in lists and headings.
import type { Session } from "../../sessions/session.ts";

/** Title, name, or the beginning of the first message. */
export const titleOf = (
  { title, name }: Pick<Session, "title" | "name">,
  opening: string | null = null,
): string => title ?? name ?? (opening?.trim() || "Untitled");
