// Event ids: the stream's public id and the event's number in it, as in `17.4`. Event 0 is the priming event.

export interface EventId {
  /** The stream's public id. */
  publicId: string;
  seq: number;
}

export const formatEventId = ({ publicId, seq }: EventId): string => `${publicId}.${seq}`;

/** The parsed id; undefined for text that `formatEventId` did not make. */
export function parseEventId(text: string): EventId | undefined {
  const match = /^([1-9]\d{0,14})\.(0|[1-9]\d{0,14})$/.exec(text);
  return match ? { publicId: match[1]!, seq: Number(match[2]) } : undefined;
}
