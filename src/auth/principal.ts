// Who is calling. Every access is decided on (principal, id).

export interface Principal {
  /** Stable name of the owner of sessions and clients. */
  readonly id: string;
}

/** The caller on loopback and on stdio, where no credentials are asked for. */
export const LOCAL: Principal = Object.freeze({ id: "local" });
