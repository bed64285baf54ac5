// Sessions, their histories and their state as resources, to read and to subscribe to.
import type { Chat } from "../chat/chat.ts";
import { type Message, messageFields } from "../chat/message.ts";
import type { SessionResolver } from "../clients/session-resolver.ts";
import type { Complete } from "../definitions/completions.ts";
import { isoTime } from "../lib/clock.ts";
import type { Session, SessionCounts } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { completeSession, whose } from "../sessions/suggestions.ts";
import {
  historyBefore,
  historyUri,
  parseSessionUri,
  type SessionPlace,
  SESSIONS_URI,
  sessionsFrom,
  sessionUri,
  stateUri,
} from "../sessions/uris.ts";
import type { State } from "../state/state.ts";
import { defineResource, type Resource, type ResourceContext } from "./resource.ts";

const JSON_TYPE = "application/json";
const PAGE = 100;
/** Messages on a page of a history. */
const MESSAGES = 500;

export interface SessionResourceParts {
  sessions: Sessions;
  resolver: SessionResolver;
  state: State;
  chat: Chat;
}

export function sessionResources({
  sessions,
  resolver,
  state,
  chat,
}: SessionResourceParts): Resource[] {
  /** Match uris of this kind of resource, however they are spelled. */
  const match = (kind: SessionPlace["kind"]) => (uri: string) => {
    const place = parseSessionUri(uri);
    if (place?.kind !== kind) return undefined;
    const given = Object.entries(place).filter(([name, value]) => name !== "kind" && value);
    return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
  };

  const id: Complete = async (value, { principal }) => {
    const { suggestions, hasMore } = await completeSession(sessions, principal, value);
    return { values: suggestions.map((one) => one.id), hasMore };
  };

  const find = ({ variables, principal }: ResourceContext) =>
    resolver.find(principal, variables["id"]!);

  const overview = (session: Session & SessionCounts) => ({
    session: session.id,
    name: session.name,
    title: session.title,
    owner: session.owner,
    access: session.access ?? "own",
    created_at: isoTime(session.createdAt),
    last_active_at: isoTime(session.lastActiveAt),
    expires_at: isoTime(sessions.expiresAt(session)),
  });

  return [
    defineResource({
      uri: SESSIONS_URI,
      name: "sessions",
      title: "Your sessions",
      mimeType: JSON_TYPE,
      match: match("sessions"),
      async read({ variables: { cursor }, principal }) {
        const [page, total] = await Promise.all([
          sessions.list(principal, { limit: PAGE, ...(cursor && { cursor }) }),
          sessions.total(principal),
        ]);
        const { nextCursor } = page;
        return {
          total,
          ...(nextCursor !== undefined && { next: sessionsFrom(nextCursor) }),
          sessions: page.sessions.map((one) => ({ ...overview(one), uri: sessionUri(one.id) })),
        };
      },
    }),

    defineResource({
      uriTemplate: sessionUri("{id}"),
      name: "session",
      title: "A session",
      mimeType: JSON_TYPE,
      match: match("session"),
      complete: { id },
      async list({ principal, cursor }) {
        const page = await sessions.list(principal, { limit: PAGE, ...(cursor && { cursor }) });
        const resources = page.sessions.map(({ id, title, name, owner }) => ({
          uri: sessionUri(id),
          name: name ?? id,
          title: whose(title ?? name ?? "Untitled session", owner, principal),
        }));
        return { resources, nextCursor: page.nextCursor };
      },
      async read(asked) {
        const session = await find(asked);
        if (session === undefined) return undefined;
        const [{ keys, nextAfter }, counts] = await Promise.all([
          state.keys(session.id, { limit: PAGE }),
          sessions.counts(session.id),
        ]);
        return {
          ...overview({ ...session, ...counts }),
          counts: { messages: counts.messages, state_keys: counts.stateKeys },
          history: historyUri(session.id),
          state: keys.map((key) => stateUri(session.id, key)),
          ...(nextAfter !== undefined && { more_state: "state_list has the keys that follow." }),
        };
      },
    }),

    defineResource({
      uriTemplate: historyUri("{id}"),
      name: "history",
      title: "A session's messages",
      mimeType: JSON_TYPE,
      match: match("history"),
      complete: { id },
      async read(asked) {
        const session = await find(asked);
        if (session === undefined) return undefined;
        const before = asked.variables["before"];
        const [{ messages, nextBefore }, counts] = await Promise.all([
          chat.page(session.id, { limit: MESSAGES, before: before ? Number(before) : undefined }),
          sessions.counts(session.id),
        ]);
        return {
          total: counts.messages,
          ...(nextBefore !== undefined && { next: historyBefore(session.id, nextBefore) }),
          messages: messages.map(toMessage),
        };
      },
    }),

    defineResource({
      uriTemplate: `${sessionUri("{id}")}/state/{key}`,
      name: "state",
      title: "A value of a session",
      mimeType: JSON_TYPE,
      match: match("state"),
      complete: {
        id,
        async key(value, { principal, given }) {
          const session = given["id"] && (await sessions.find(principal, { id: given["id"] }));
          if (!session) return [];
          const page = await state.keys(session.id, { prefix: value, limit: PAGE });
          return { values: page.keys, hasMore: page.nextAfter !== undefined };
        },
      },
      async read(asked) {
        const session = await find(asked);
        return session && (await state.get(session.id, asked.variables["key"]!))?.value;
      },
    }),
  ];
}

/** A message of the history; its author is absent where nothing is known. */
function toMessage(message: Message) {
  const { model: _, author, ...fields } = messageFields(message);
  return { ...fields, ...(author !== null && { author }) };
}
