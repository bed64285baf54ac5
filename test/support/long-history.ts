// Conversations that are too long for a model's window, and a scripted model that also writes summaries.
import { tokenizer } from "../../src/models/tokens.ts";
import { connect, type TestClient } from "./clients.ts";
import { withDatabase } from "./database.ts";
import { type Here, serveHere } from "./here.ts";
import { type ModelCall, type ModelServer, says, type Script, startModel } from "./model-server.ts";

export interface Remembering {
  model: ModelServer;
  client: TestClient;
  here: Here;
  /** The requests for a summary, and those for an answer. */
  summaries(): ModelCall[];
  answers(): ModelCall[];
}

export const asksForSummary = ({ messages }: ModelCall): boolean =>
  messages[0]!.content.startsWith("You keep the memory of a conversation");

/** A server with a window of 1,000 tokens. `summarizes`: what the model does when it is asked for a summary. */
export async function remembering(
  config: object = {},
  summarizes: (call: ModelCall, n: number) => Script = (_, n) => says(`Summary ${n}.`),
): Promise<Remembering> {
  const model = await startModel();
  const here = await serveHere({
    config: { "model-url": model.url, model: "scripted-1", "context-tokens": "1000", ...config },
  });
  const summaries = () => model.calls.filter(asksForSummary);
  model.reply = (call) =>
    asksForSummary(call) ? summarizes(call, summaries().length) : says("So it is.");
  return {
    ...{ model, here, summaries, client: await connect("v2", { url: `${here.url}?name=s` }) },
    answers: () => model.calls.filter((call) => !asksForSummary(call)),
  };
}

/** Text of about so many tokens that begins with a mark. */
export const words = (mark: string, tokens: number): string =>
  `${mark}${" word".repeat(tokens - 3)}`;

/** The size of a request, in tokens. */
export async function tokensOf({ messages }: ModelCall): Promise<number> {
  const counts = messages.map(({ content }) => tokenizer.count(content, Infinity));
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** Writes so many messages of some tokens into the session `s`, as an import would. */
export function fillHistory(folder: string, count: number, tokens: number): void {
  const content = " word".repeat(tokens);
  const fill = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    INSERT INTO messages (session_id, seq, role, content, status, created_at)
    SELECT s.id, m.last + i, iif(i % 2, 'user', 'assistant'), 'm' || (m.last + i) || ?, 'complete', ?
    FROM n, (SELECT id FROM sessions WHERE name = 's') s,
      (SELECT coalesce(max(seq), 0) AS last FROM messages) m`;
  withDatabase(folder, (database) => database.prepare(fill).run(count, content, Date.now()), {
    readonly: false,
  });
}
