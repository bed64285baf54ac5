// What the authorization server keeps: its clients, what people have granted to them, and the tokens of these grants. A
// token or code is stored as a hash; what it stands for is stored without it.
import type { Expiring } from "../lib/expiring.ts";

export interface OAuthClient {
  /** `client_id` */
  id: string;
  /** `registered`: by itself (RFC 7591); `manual`: by the operator; `documented`: its document, as it was last read. */
  kind: "registered" | "manual" | "documented";
  /** RFC 7591, section 2, in its spelling; without `client_id`. */
  metadata: Record<string, unknown>;
  createdAt: number;
  /** Null once somebody has granted it something, and for clients of the operator. */
  expiresAt: number | null;
}

/** A client that had grants and has none any more goes so long after its registration. */
export const FORGET_MS = 365 * 86_400_000;

/** Expired are unused clients, and forgotten ones (`FORGET_MS`). */
export interface OAuthClientStore extends Expiring {
  /** Add a client. Beyond `maxUnused`, others that expire make room: those that expire first. */
  create(client: OAuthClient, maxUnused: number): Promise<void>;
  /** Let a client that expires do so no earlier. */
  extend(id: string, expiresAt: number): Promise<void>;
  find(id: string): Promise<OAuthClient | undefined>;
  /** Newest first. */
  list(): Promise<OAuthClient[]>;
  /** Delete a client with all that was granted to it; false for one that is not there and has no grants. */
  delete(id: string): Promise<boolean>;
}

/** What a person has allowed a client. */
export interface OAuthGrant {
  id: string;
  principal: string;
  /** `client_id`: of a stored client, or the address of its metadata document. */
  clientId: string;
  /** As the client calls itself, at that time. */
  clientName: string;
  /** Host that the browser was sent back to. */
  redirectHost: string;
  /** Names separated by spaces. */
  scope: string;
  /** The API key that the person signed in with; the grant ends with it. Null for a one-time link. */
  keyId: string | null;
  /** The passkey that its person signed in with: the grant is deleted with it. */
  passkeyId: string | null;
  createdAt: number;
  lastUsedAt: number;
  /** That of the grant's longest token. */
  expiresAt: number;
}

export interface OAuthGrantStore extends Expiring {
  /**
   * Add a grant; its client expires no more, and a documented one is stored or replaced. Of a principal's other ones, those
   * that expire first go beyond `max`: a grant that no client has fetched tokens for displaces none that is in use. False, and
   * no grant, if its passkey is gone.
   */
  create(grant: OAuthGrant, max: number, documented?: OAuthClient): Promise<boolean>;
  find(id: string): Promise<OAuthGrant | undefined>;
  /** True if anybody has granted this client something that has not ended. */
  anyOf(clientId: string): Promise<boolean>;
  /** The longest unused last; of one principal, or of all. */
  list(principal?: string): Promise<OAuthGrant[]>;
  /** Delete a grant with all its tokens and codes; false for one that is not there. */
  delete(id: string): Promise<boolean>;
}

export const RECORD_KINDS = [
  "AccessToken",
  "AuthorizationCode",
  "Interaction",
  "RefreshToken",
] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

/** A token, a code, or a sign-in under way. */
export interface OAuthRecord {
  kind: RecordKind;
  /** SHA-256 of the token, or of the sign-in's id. */
  hash: Uint8Array;
  /** Null for a sign-in. */
  grantId: string | null;
  payload: Record<string, unknown>;
  consumedAt: number | null;
  expiresAt: number;
}

export interface OAuthRecordStore extends Expiring {
  /**
   * Add a record, or replace the payload and expiry of one. Its grant lives as long, and counts as used. False if the
   * grant is gone: nothing is stored. The records of a kind that expire first make room beyond `max`.
   */
  save(record: Omit<OAuthRecord, "consumedAt">, max?: number): Promise<boolean>;
  find(kind: RecordKind, hash: Uint8Array): Promise<OAuthRecord | undefined>;
  /** Mark a record as used. True for the first call only. */
  consume(kind: RecordKind, hash: Uint8Array): Promise<boolean>;
  /** No effect on one that is not there. */
  delete(kind: RecordKind, hash: Uint8Array): Promise<void>;
  /** When a token of a grant was used first, of those used since `from` without the one named; undefined if none was. */
  firstUse(
    grantId: string,
    since: { from: number; except: Uint8Array },
  ): Promise<number | undefined>;
  /** Delete a grant's records of a kind. */
  deleteOf(kind: RecordKind, grantId: string): Promise<void>;
  /** A valid access token and its grant. */
  access(hash: Uint8Array): Promise<{ token: OAuthRecord; grant: OAuthGrant } | undefined>;
  /** The server's private key: `candidate`, unless there is one. */
  signingKey(candidate: Record<string, unknown>): Promise<Record<string, unknown>>;
}
