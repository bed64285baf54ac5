// What oidc-provider stores, over our ports. Secrets stay outside: a record is stored under the hash of its id, and the one
// address that holds the id has a placeholder. Sessions of the library are not stored: a browser's sign-in is the
// console's.
import type { Adapter, AdapterPayload } from "oidc-provider";
import { hashOf } from "../auth/api-keys.ts";
import type { Clock } from "../lib/clock.ts";
import type { Clients } from "./clients.ts";
import { type DocumentedClients, isDocumentAddress } from "./documented-clients.ts";
import { GRANTABLE, type Grants } from "./grants.ts";
import {
  type OAuthGrant,
  type OAuthRecord,
  type OAuthRecordStore,
  RECORD_KINDS,
  type RecordKind,
} from "./store.ts";

/**
 * A used refresh token works again until something that came of it is used, because answers get lost and laptops sleep, and
 * for so long after that, because hosts refresh in parallel.
 */
const REUSE_MS = 60_000;
/** Sign-ins under way; anybody can begin one. */
const MAX_INTERACTIONS = 10_000;
/** Stands for the secret id in the address at which a sign-in goes on. */
const ID = "{id}";

export interface AdapterParts {
  records: OAuthRecordStore;
  clients: Clients;
  documents: DocumentedClients;
  grants: Grants;
  clock: Clock;
  /** The one resource of grants. */
  resource: string;
  /** True if the library is at a sign-in, and not at its token or revocation endpoint. */
  isSignIn(): boolean;
  /** Makes the error of the token endpoint for a code or token whose grant has ended. */
  invalidGrant(reason: string): Error;
}

export function adapterOf(name: string, parts: AdapterParts): Adapter {
  if (name === "Client") return clientAdapter(parts);
  if (name === "Grant") return grantAdapter(parts);
  const kind = RECORD_KINDS.find((one) => one === name);
  return kind === undefined ? NOTHING : recordAdapter(kind, parts);
}

const nothing = (): Promise<undefined> => Promise.resolve(undefined);

const NOTHING: Adapter = {
  ...{ upsert: nothing, find: nothing, findByUid: nothing, findByUserCode: nothing },
  ...{ consume: nothing, destroy: nothing, revokeByGrantId: nothing },
};

const clientAdapter = ({ clients, documents, isSignIn }: AdapterParts): Adapter => ({
  ...NOTHING,
  async upsert(id, { client_id: _, ...metadata }) {
    await clients.register(id, metadata);
  },
  async find(id) {
    const metadata = isDocumentAddress(id)
      ? await (isSignIn() ? documents.forSignIn(id) : documents.forTokens(id))
      : (await clients.find(id))?.metadata;
    return metadata && { ...metadata, client_id: id };
  },
});

/** Grants are made on the consent page, not by the library. */
const grantAdapter = ({ grants, resource }: AdapterParts): Adapter => ({
  ...NOTHING,
  async find(id) {
    const grant = await grants.find(id);
    return grant && grantPayload(grant, resource);
  },
  destroy: (id) => grants.end(id),
});

/** Scopes that were asked for and not granted are rejected, or the library would ask for them again. */
function grantPayload({ id, ...grant }: OAuthGrant, resource: string): AdapterPayload {
  const granted = grant.scope.split(" ");
  const rest = GRANTABLE.filter((scope) => !granted.includes(scope)).join(" ");
  return {
    ...{ kind: "Grant", jti: id, accountId: grant.principal, clientId: grant.clientId },
    iat: Math.floor(grant.createdAt / 1_000),
    openid: { scope: `openid offline_access ${grant.scope}` },
    resources: { [resource]: grant.scope },
    ...(rest !== "" && { rejected: { openid: { scope: rest }, resources: { [resource]: rest } } }),
  };
}

function recordAdapter(kind: RecordKind, parts: AdapterParts): Adapter {
  const { records, clients, grants, clock, resource, invalidGrant } = parts;
  const isUsed = async ({ hash, grantId, consumedAt }: OAuthRecord): Promise<boolean> => {
    if (consumedAt === null || kind === "AccessToken") return false;
    if (kind !== "RefreshToken" || grantId === null) return true;
    const since = await records.firstUse(grantId, { from: consumedAt, except: hash });
    return since !== undefined && since + REUSE_MS <= clock.now();
  };
  return {
    ...NOTHING,
    async upsert(id, { jti: _, ...payload }, expiresIn = 0) {
      const grantId = (kind !== "Interaction" && payload.grantId) || null;
      const stored = await records.save(
        {
          ...{ kind, hash: hashOf(id), grantId },
          payload: withReturn(payload, id, ID),
          expiresAt: Math.floor(clock.now() + expiresIn * 1_000),
        },
        kind === "Interaction" ? MAX_INTERACTIONS : undefined,
      );
      if (!stored) throw invalidGrant("what was granted has ended");
      if (kind === "Interaction") await clients.begin(String(payload.params?.["client_id"]));
    },
    async find(id) {
      const record = await records.find(kind, hashOf(id));
      if (record === undefined) return undefined;
      const { payload, consumedAt } = record;
      // For another address of this server, before it moved: the program must sign in again.
      if (payload["resource"] !== undefined && payload["resource"] !== resource) return undefined;
      return {
        ...withReturn(payload, ID, id),
        jti: id,
        ...((await isUsed(record)) && { consumed: Math.floor(consumedAt! / 1_000) }),
      };
    },
    async consume(id) {
      if (await records.consume(kind, hashOf(id))) return;
      if (kind === "RefreshToken") return; // a refresh at the same time
      // Two requests with one code: one of them is not its client's.
      const grantId = (await records.find(kind, hashOf(id)))?.grantId;
      if (grantId) await grants.end(grantId);
      throw invalidGrant("this code was used before");
    },
    destroy: (id) => records.delete(kind, hashOf(id)),
    revokeByGrantId: (grantId) => records.deleteOf(kind, grantId),
  };
}

/** All else in a payload is the client's, and stays as it is. */
function withReturn({ returnTo, ...payload }: AdapterPayload, from: string, to: string) {
  return { ...payload, ...(returnTo !== undefined && { returnTo: returnTo.replace(from, to) }) };
}
