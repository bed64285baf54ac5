// Sessions, their histories and their state as resources that a client can read and subscribe to.
import type { Principal } from "../auth/principal.ts";
import type { Chat } from "../chat/chat.ts";
import { isoTime } from "../kernel/clock.ts";
import { completeSession } from "../sessions/completion.ts";
import type { Session, SessionCounts } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import {
  historyUri,
  parseSessionUri,
  SESSIONS_URI,
  sessionUri,
  stateUri,
} from "../sessions/uris.ts";
import type { State } from "../state/state.ts";
import type { ResourceProvider } from "./resource.ts";

const JSON_TYPE = "application/json";
const PAGE = 100;

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
    created_at: isoTime(session.createdAt),
    last_active_at: isoTime(session.lastActiveAt),
    expires_at: timeOf(sessions.expiresAt(session)),
  });

  const latest = (principal: Principal) => sessions.list(principal, { limit: PAGE });

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
      if (name === "id")
        return (await completeSession(sessions, principal, value)).map(({ id }) => id);
      const session = given["id"] && (await sessions.find(principal, { id: given["id"] }));
      if (name !== "key" || !session) return [];
      const { entries } = await state.list(session.id, { prefix: value, limit: PAGE });
      return entries.map(({ key }) => key);
    },

    async list(principal) {
      const { sessions: found } = await latest(principal);
      return [
        { uri: SESSIONS_URI, name: "sessions", title: "Your sessions", mimeType: JSON_TYPE },
        ...found.map(({ id, title, name }) => ({
          uri: sessionUri(id),
          name: name ?? id,
          title: title ?? name ?? "Untitled session",
          mimeType: JSON_TYPE,
        })),
      ];
    },

    async read(uri, principal) {
      const place = parseSessionUri(uri);
      if (place === undefined) return undefined;
      if (place.kind === "sessions") {
        return json(
          uri,
          (await latest(principal)).sessions.map((found) => ({
            ...overview(found),
            uri: sessionUri(found.id),
          })),
        );
      }
      const session = await sessions.find(principal, { id: place.id });
      if (session === undefined) return undefined;
      if (place.kind === "history") {
        const { messages } = await chat.page(session.id, { limit: 500 });
        return json(
          uri,
          messages.map(({ seq, role, content, status, createdAt }) => ({
            seq,
            role,
            content,
            status,
            created_at: isoTime(createdAt),
          })),
        );
      }
      if (place.kind === "state") {
        const entry = await state.get(session.id, place.key);
        return entry && [{ uri, mimeType: JSON_TYPE, text: entry.value }];
      }
      const { entries } = await state.list(session.id, { limit: PAGE });
      const counts = await sessions.counts(session.id);
      return json(uri, {
        ...overview({ ...session, ...counts }),
        counts: { messages: counts.messages, state_keys: counts.stateKeys },
        history: historyUri(session.id),
        state: entries.map(({ key }) => stateUri(session.id, key)),
      });
    },
  };
}
