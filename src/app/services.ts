// Builds the services that tools, prompts and resources work with.
import { Chat } from "../chat/chat.ts";
import { ContextWindow } from "../chat/context-window.ts";
import type { ChatModel } from "../chat/model.ts";
import { SessionResolver } from "../clients/session-resolver.ts";
import { tokensOf } from "../config/context-tokens.ts";
import { IdempotentCalls } from "../idempotency/idempotent-calls.ts";
import type { Instances } from "../instances/instances.ts";
import { configuredModel } from "../models/configured.ts";
import { Embedder } from "../models/embedder.ts";
import { configuredEmbeddings } from "../models/embeddings.ts";
import { Recall } from "../models/recall.ts";
import { tokenizer } from "../models/tokens.ts";
import { RunningCalls } from "../sessions/running-calls.ts";
import { State } from "../state/state.ts";
import type { SessionServices } from "../tools/session/session-handle.ts";
import { Forks } from "../transfer/fork.ts";
import { type Data, shortestAgeMs } from "./data.ts";

/** The configured model, or the built-in stand-in. */
export const modelOf = ({ config, storage }: Data): ChatModel =>
  configuredModel(config) ?? new Recall(storage.history);

export interface Services extends SessionServices {
  readonly resolver: SessionResolver;
}

export function buildServices(
  data: Data,
  model: ChatModel,
  instances: Instances,
  closing: AsyncDisposableStack,
): Services {
  const { config, clock, storage, sessions, sessionUse, onError } = data;
  const runningCalls = new RunningCalls(
    instances.id,
    shortestAgeMs(config, storage),
    storage.sessions,
    { onEnd: (id) => sessionUse.note(id), onError },
  );
  closing.defer(() => runningCalls.close());
  const embeddings = configuredEmbeddings(config);
  if (embeddings !== undefined) {
    const embedder = new Embedder(storage.vectors, embeddings, onError);
    closing.defer(() => embedder.close());
  }
  const window = new ContextWindow(storage.history, tokenizer, {
    tokensOf: (name) => tokensOf(config["context-tokens"], name),
    defaultModel: config.model ?? "",
  });
  const chat = new Chat({
    ...{ store: storage.history, model, window, claimant: instances, changes: storage.changes },
    limits: { maxMessageBytes: config["max-message"], modelTimeoutMs: config["model-timeout"] },
    onError,
  });
  closing.defer(() => chat.close());
  return {
    sessions,
    resolver: new SessionResolver(sessions, storage.clients, config["default-session"]),
    state: new State(storage.state, clock, {
      maxValueBytes: config["max-value"],
      maxKeys: config["max-keys"],
    }),
    chat,
    search: data.search,
    forks: new Forks({
      store: storage.transfer,
      access: data.access,
      audit: data.audit,
      clock,
      maxSessions: config["max-sessions"],
    }),
    updates: data.updates,
    runningCalls,
    idempotentCalls: new IdempotentCalls(storage.keyedCalls, instances, storage.changes),
  };
}
