// The port for messages of a client that another process waits for: with several processes behind one address, the answer to a
// question, a cancellation or the end of the client may arrive at another one than the call.

/** Messages are kept for this long, in milliseconds, and so many a client. */
export const RELAY_MS = 60_000;
export const MAX_RELAYED = 100;

export interface RelayedMessage {
  /** Opaque. */
  id: string;
  clientId: string;
  /** A JSON-RPC message as text. */
  data: string;
}

export interface RelayStore {
  /**
   * Keeps messages for the other processes, which learn of them as a change of the client. Writes nothing while one process is
   * alone.
   */
  post(clientId: string, messages: readonly string[]): Promise<void>;
  /** The messages of these clients, in order. */
  list(clientIds: readonly string[]): Promise<RelayedMessage[]>;
}
