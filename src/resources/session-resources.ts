// Sessions, their histories and their state as resources that a client can read and subscribe to.
import type { Chat } from "../chat/chat.ts";
import { isoTime } from "../kernel/clock.ts";
import { completeSession, whose } from "../sessions/completion.ts";
import type { Session, SessionCounts } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import {
  historyBefore,
  historyUri,
  parseSessionUri,
  SESSIONS_URI,
  sessionsFrom,
  sessionUri,
  stateUri,
} from "../sessions/uris.ts";
import type { State } from "../state/state.ts";
import type { ResourceProvider } from "./resource.ts";

const JSON_TYPE = "application/json";
const PAGE = 100;
/** Of a history. */
const MESSAGES = 500;

const timeOf = (ms: number | null): string | null => (ms === null ? null : isoTime(ms));

export interface SessionResourceParts {
  sessions: Sessions;
  state: State;
  chat: Chat;
}

export function sessionResources({
  sessions,
  state,
  chat,
}: SessionResourceParts): ResourceProvider {
  const json = (uri: string, value: unknown) => [
    { uri, mimeType: JSON_TYPE, text: JSON.stringify(value, undefined, 2) },
  ];

  const overview = (session: Session & SessionCounts) => ({
    session: session.id,
    name: session.name,
    title: session.title,
    owner: session.owner,
    access: session.access ?? "own",
    created_at: isoTime(session.createdAt),
    last_active_at: isoTime(session.lastActiveAt),
    expires_at: timeOf(sessions.expiresAt(session)),
  });

  return {
    templates: [
      { name: "session", title: "A session", uriTemplate: sessionUri("{id}"), mimeType: JSON_TYPE },
      {
        name: "history",
        title: "A session's messages",
        uriTemplate: historyUri("{id}"),
        mimeType: JSON_TYPE,
      },
      {
        name: "state",
        title: "A value of a session",
        uriTemplate: `${sessionUri("{id}")}/state/{key}`,
        mimeType: JSON_TYPE,
      },
    ],

    async complete(_template, { name, value, given }, principal) {
      if (name === "id") {
        const { suggestions, hasMore } = await completeSession(sessions, principal, value);
        return { values: suggestions.map(({ id }) => id), hasMore };
      }
      const session = given["id"] && (await sessions.find(principal, { id: given["id"] }));
      if (name !== "key" || !session) return [];
      const { entries, nextAfter } = await state.list(session.id, { prefix: value, limit: PAGE });
      return { values: entries.map(({ key }) => key), hasMore: nextAfter !== undefined };
    },

    async list(principal, cursor) {
      const page = await sessions.list(principal, { limit: PAGE, ...(cursor && { cursor }) });
      const all = {
        uri: SESSIONS_URI,
        name: "sessions",
        title: "Your sessions",
        mimeType: JSON_TYPE,
      };
      const resources = page.sessions.map(({ id, title, name, owner }) => ({
        uri: sessionUri(id),
        name: name ?? id,
        title: whose(title ?? name ?? "Untitled session", owner, principal),
        mimeType: JSON_TYPE,
      }));
      const { nextCursor } = page;
      return { resources: cursor === undefined ? [all, ...resources] : resources, nextCursor };
    },

    async read(uri, principal) {
      const place = parseSessionUri(uri);
      if (place === undefined) return undefined;
      if (place.kind === "sessions") {
        const { cursor } = place;
        const [page, total] = await Promise.all([
          sessions.list(principal, { limit: PAGE, ...(cursor && { cursor }) }),
          sessions.total(principal),
        ]);
        const { nextCursor } = page;
        return json(uri, {
          total,
          ...(nextCursor !== undefined && { next: sessionsFrom(nextCursor) }),
          sessions: page.sessions.map((one) => ({ ...overview(one), uri: sessionUri(one.id) })),
        });
      }
      const session = await sessions.find(principal, { id: place.id });
      if (session === undefined) return undefined;
      if (place.kind === "history") {
        const { before } = place;
        const [{ messages, nextBefore }, counts] = await Promise.all([
          chat.page(session.id, { limit: MESSAGES, before }),
          sessions.counts(session.id),
        ]);
        return json(uri, {
          total: counts.messages,
          ...(nextBefore !== undefined && { next: historyBefore(session.id, nextBefore) }),
          messages: messages.map(({ seq, role, content, status, createdAt, author }) => ({
            seq,
            role,
            content,
            status,
            created_at: isoTime(createdAt),
            ...(author !== null && { author }),
          })),
        });
      }
      if (place.kind === "state") {
        const entry = await state.get(session.id, place.key);
        return entry && [{ uri, mimeType: JSON_TYPE, text: entry.value }];
      }
      const { entries, nextAfter } = await state.list(session.id, { limit: PAGE });
      const counts = await sessions.counts(session.id);
      return json(uri, {
        ...overview({ ...session, ...counts }),
        counts: { messages: counts.messages, state_keys: counts.stateKeys },
        history: historyUri(session.id),
        state: entries.map(({ key }) => stateUri(session.id, key)),
        ...(nextAfter !== undefined && { more_state: "state_list has the keys that follow." }),
      });
    },
  };
}
