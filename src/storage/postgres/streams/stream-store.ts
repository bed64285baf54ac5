// Streams in PostgreSQL. A response event and the retirement of its request are one operation, so a crash leaves either an
// open request or a complete answer. Every write to a stream locks its row, so that its events are numbered without a hole,
// and a process that was taken for dead stores nothing once another has taken its request over.
import type { StreamRecord, StreamStore } from "../../../events/store.ts";
import { messagesOf, needsCheck, stale, streamGone } from "../../shared/streams.ts";
import type { Engine } from "../engine/engine.ts";
import { postgresExpiring } from "../engine/expiring.ts";
import type { Usage } from "../limits/usage.ts";
import { streams } from "../schema/schema.ts";
import { inOutboxOrder, type OutboxRows } from "../updates/outbox-rows.ts";
import { eventRows } from "./event-rows.ts";
import { requestRows } from "./request-rows.ts";
import { streamRows } from "./stream-rows.ts";

/** `onEvent` is called for each written event. */
export function postgresStreamStore(
  engine: Engine,
  usage: Pick<Usage, "checkProgram">,
  outbox: Pick<OutboxRows, "take">,
  graceMs: number,
  onEvent: () => void = () => undefined,
): StreamStore {
  const rows = streamRows(engine);
  const events = eventRows(engine);
  const requests = requestRows(engine);

  /** Writes to a stream, after all earlier writes of this process. */
  const write = <T>(streamId: string, act: () => Promise<T>): Promise<T> =>
    engine.inOrder(`stream ${streamId}`, () => engine.write(act));
  /** The same for a write that processes with a connection to the stream want to know of. */
  const change = <T>(streamId: string, act: () => Promise<T>): Promise<T> =>
    write(streamId, () => {
      engine.changed("stream", streamId);
      return act();
    });

  const open = (clientId: string, act: () => Promise<StreamRecord>): Promise<StreamRecord> =>
    engine.write(async () => {
      const [stream] = await Promise.all([act(), usage.checkProgram(clientId)]);
      return stream;
    });

  /** Inside a write: moves the outbox to the end of the stream. */
  const drain = async (clientId: string, streamId: string, maxEvents: number) => {
    const [stream, messages] = await Promise.all([
      rows.lock(clientId, streamId),
      outbox.take(clientId),
    ]);
    if (stream === undefined) throw streamGone();
    if (messages.length === 0) return { last: stream.lastSeq, moved: 0 };
    engine.changed("stream", streamId);
    const data = messages.map((message) => message.data);
    const sessions = [...new Set(messages.flatMap(({ sessionId }) => sessionId ?? []))];
    const last = await events.add(streamId, { data, maxEvents, sessions });
    return { last, moved: messages.length };
  };

  return {
    openRequests: (clientId, instanceId, list, posted) =>
      open(clientId, () => requests.open(clientId, instanceId, list, posted)),
    openStandalone: (clientId) => open(clientId, () => rows.open(clientId)),

    find: (clientId, streamId) => engine.read(() => rows.find(clientId, streamId)),
    findPublic: (clientId, publicId) => engine.read(() => rows.findPublic(clientId, publicId)),
    findUndelivered: (clientId, posted) =>
      engine.read(() => rows.findUndelivered(clientId, posted)),
    delivered: (streamId) => engine.writeRelaxed(() => rows.delivered(streamId)),

    async append(streamId, data, maxEvents, instanceId, sessions) {
      const { last, count } = await change(streamId, async () => {
        const messages = messagesOf(data);
        const last = await events.add(streamId, {
          ...{ data: messages, maxEvents, instanceId, sessions },
        });
        // An answer is stored in any case: its call was done.
        if (needsCheck(last, messages)) await usage.checkProgram(await rows.clientOf(streamId));
        return { last, count: messages.length };
      });
      for (let n = 0; n < count; n += 1) onEvent();
      return last;
    },
    events: (streamId, after) => engine.read(() => events.after(streamId, after)),

    async answer(streamId, requestId, data, instanceId, sessions) {
      const ended = await change(streamId, () =>
        requests.end(streamId, requestId, { data, instanceId, sessions }),
      );
      if (ended !== undefined) onEvent();
      return ended;
    },
    retire: (streamId, requestId) => change(streamId, () => requests.end(streamId, requestId)),

    async drain(clientId, streamId, maxEvents) {
      const { last, moved } = await inOutboxOrder(engine, [clientId], () =>
        write(streamId, () => drain(clientId, streamId, maxEvents)),
      );
      for (let n = 0; n < moved; n += 1) onEvent();
      return last;
    },

    streamsOf: (instanceId) => engine.read(() => requests.streamsOf(instanceId)),
    orphans: () => engine.read(() => requests.orphans()),
    adopt: (request, to) => write(request.streamId, () => requests.adopt(request, to)),
    touch: (streamIds) => engine.write(() => rows.touch(streamIds)),

    ...postgresExpiring(engine, streams, stale, () => ({ oldest: engine.ago(graceMs) })),
  };
}
