// Exports of other programs, as these write them.

/** A node of ChatGPT's tree. */
export const node = (
  id: string,
  parent: string | null,
  text: string | unknown[] | null,
  more: { role?: string; at?: number | null; content?: object; metadata?: object } = {},
): [string, object] => [
  id,
  {
    ...{ id, parent, children: [] },
    message:
      text === null
        ? null
        : {
            id,
            author: { role: more.role ?? "user", name: null, metadata: {} },
            create_time: more.at === undefined ? 1_700_000_000.5 : more.at,
            content: more.content ?? {
              content_type: "text",
              parts: Array.isArray(text) ? text : [text],
            },
            ...{ status: "finished_successfully", weight: 1, recipient: "all" },
            metadata: more.metadata ?? {},
          },
  },
];

export const chatGpt = (
  nodes: readonly [string, object][],
  current: string | null,
  more: object = {},
): object => ({
  ...{ title: "Reef", create_time: 1_700_000_000.123, update_time: 1_700_000_100.5 },
  mapping: Object.fromEntries(nodes),
  ...{ moderation_results: [], current_node: current, plugin_ids: null },
  ...{ conversation_id: "c-1", id: "c-1", is_archived: false },
  ...more,
});

export const claudeMessage = (sender: string, text: string, more: object = {}): object => ({
  ...{ uuid: "m", text, sender, created_at: "2025-03-04T05:06:07.123456Z" },
  content: [{ type: "text", text, citations: [] }],
  ...{ updated_at: "2025-03-04T05:06:07.123456Z", attachments: [], files: [] },
  ...more,
});

export const claude = (messages: readonly object[], more: object = {}): object => ({
  ...{ uuid: "c-1", name: "Reef", account: { uuid: "a" } },
  ...{ created_at: "2025-03-04T05:06:00.000000Z", updated_at: "2025-03-05T00:00:00.000000Z" },
  chat_messages: messages,
  ...more,
});

export const file = (...conversations: unknown[]): string => JSON.stringify(conversations);
