// Streams in SQLite. A response event and the retirement of its request are one operation, so a crash leaves either an
// open request or a complete answer.
import type { Ended, RequestId, StreamStore } from "../../../events/store.ts";
import { messagesOf, needsCheck, stale, streamGone } from "../../shared/streams.ts";
import type { Engine } from "../engine/engine.ts";
import { sqliteExpiring } from "../engine/expiring.ts";
import type { Usage } from "../limits/usage.ts";
import { streams } from "../schema/schema.ts";
import type { OutboxRows } from "../updates/outbox-rows.ts";
import { eventRows } from "./event-rows.ts";
import { requestRows } from "./request-rows.ts";
import { streamRows } from "./stream-rows.ts";

/** `onEvent` is called for each written event. */
export function sqliteStreamStore(
  engine: Engine,
  usage: Pick<Usage, "checkProgram">,
  outbox: Pick<OutboxRows, "take">,
  graceMs: number,
  onEvent?: () => void,
): StreamStore {
  const rows = streamRows(engine);
  const events = eventRows(engine, onEvent);
  const requests = requestRows(engine);

  /** Inside a write: ends a request, and its stream with the last one. `instanceId`: the one that must run it. */
  const end = (
    streamId: string,
    requestId: RequestId,
    { data, instanceId }: { data?: string; instanceId?: string } = {},
  ): Ended | undefined => {
    if (!requests.delete(streamId, requestId, instanceId)) return undefined;
    const seq = data === undefined ? 0 : events.add(streamId, [data]);
    const finished = !requests.isPending(streamId);
    if (finished) rows.finish(streamId);
    if (finished && data === undefined) rows.delivered(streamId); // given up by its own client
    return { seq, finished };
  };

  return {
    openRequests: (clientId, instanceId, list, posted) =>
      engine.write(() => {
        const stream = rows.open(clientId, posted);
        for (const request of list) requests.insert(stream.id, clientId, instanceId, request);
        usage.checkProgram(clientId);
        return stream;
      }),
    openStandalone: (clientId) =>
      engine.write(() => {
        const stream = rows.open(clientId);
        usage.checkProgram(clientId);
        return stream;
      }),

    find: (clientId, streamId) => engine.readNow(() => rows.find(clientId, streamId)),
    findPublic: (clientId, publicId) => engine.readNow(() => rows.findPublic(clientId, publicId)),
    findUndelivered: (clientId, posted) =>
      engine.readNow(() => rows.findUndelivered(clientId, posted)),
    delivered: (streamId) => engine.writeRelaxed(() => rows.delivered(streamId)),

    append: (streamId, data, maxEvents, instanceId, sessions) =>
      engine.write(() => {
        const messages = messagesOf(data);
        const last = events.add(streamId, messages, maxEvents, instanceId);
        events.addSessions(streamId, sessions);
        // An answer is stored in any case: its call was done.
        if (needsCheck(last, messages)) usage.checkProgram(rows.clientOf(streamId));
        return last;
      }),
    events: (streamId, after) => engine.readDurable(() => events.after(streamId, after)),

    answer: (streamId, requestId, data, instanceId, sessions) =>
      engine.write(() => {
        const ended = end(streamId, requestId, { data, instanceId });
        if (ended !== undefined) events.addSessions(streamId, sessions);
        return ended;
      }),
    retire: (streamId, requestId) => engine.write(() => end(streamId, requestId)),

    drain: (clientId, streamId, maxEvents) =>
      engine.write(() => {
        const stream = rows.find(clientId, streamId);
        if (stream === undefined) throw streamGone();
        let last = stream.lastSeq;
        for (const { data, sessionId } of outbox.take(clientId)) {
          last = events.add(streamId, [data], maxEvents);
          if (sessionId !== null) events.addSessions(streamId, [sessionId]);
        }
        return last;
      }),

    streamsOf: (instanceId) => engine.readNow(() => requests.streamsOf(instanceId)),
    orphans: () => engine.readDurable(() => requests.orphans()),
    adopt: (request, to) => engine.write(() => requests.adopt(request, to)),
    touch: (streamIds) => engine.write(() => streamIds.forEach((id) => rows.touch(id))),

    ...sqliteExpiring(engine, streams, stale, () => ({ oldest: engine.time.ago(graceMs) })),
  };
}
