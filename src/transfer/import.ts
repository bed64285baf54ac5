// Import of a file's sessions, one by one. A session is created, continues the stored one, or is left alone. A
// repeated import changes nothing; after an interruption it does the rest.
import type { Audit } from "../auth/audit.ts";
import { LOCAL, type Principal } from "../auth/principal.ts";
import { AppError } from "../lib/errors.ts";
import { isTrue } from "../lib/is-true.ts";
import { counted } from "../lib/text/plural.ts";
import type { Session } from "../sessions/session.ts";
import type { SessionStore } from "../sessions/store.ts";
import { compare, type Comparison } from "./compare.ts";
import { branchesOf, type Incoming, type TransferLimits } from "./incoming.ts";
import { inPages } from "./pages.ts";
import type { Content, SessionRecord, TransferStore } from "./store.ts";

/** `behind`: the stored session has grown since the file was written. */
export type Outcome = "imported" | "continued" | "unchanged" | "behind" | "conflict";

export interface Imported {
  id: string;
  owner: string;
  /** Label for people: the title or the name, if there is one. */
  label: string | null;
  outcome: Outcome;
  /** Number of imported messages. */
  messages: number;
  /** The session's name, when it was dropped because another session has it. */
  lostName?: string;
  /** The session of the same conversation, which went on differently since; this one is a branch beside it. */
  branchOf?: string;
}

export interface ImportOptions {
  /** The owner of the imported session. */
  ownerOf(incoming: Incoming): string;
  dryRun: boolean;
  /** Principal in the audit. Default: `local`. */
  by?: Pick<Principal, "id">;
  /** Called with progress. An error that it throws ends the import and undoes the current session. */
  onMessages?: (count: number) => void;
}

export interface ImportServices {
  store: TransferStore;
  audit: Audit;
  sessions: Pick<SessionStore, "findById" | "findByName">;
  limits: TransferLimits;
  now(): number;
  /** Notifies the subscribers of a changed session. */
  announce(session: Pick<Session, "id" | "owner">): Promise<void>;
}

/** Sessions that are written at once: their commits share one wait for the disk. */
const AT_ONCE = 8;
/** Sessions between two counts of an owner's sessions, whose time grows with their number. The start counts, too. */
const COUNT_EVERY = 200;
/** Attempts per session. A cleanup may delete an unfinished session; hardly ever twice. */
const ATTEMPTS = 3;

/** The sessions in the order of their import, the same in each import of a file: the most recently active one last. */
export const inOrder = (incoming: readonly Incoming[]): Incoming[] =>
  incoming.toSorted((a, b) => a.header.lastActiveAt - b.header.lastActiveAt);

/** Yields the outcome of each session, in order. @throws AppError `limit` at the start */
export async function* importSessions(
  parts: ImportServices,
  incoming: readonly Incoming[],
  options: ImportOptions,
): AsyncGenerator<Imported> {
  const began = parts.now();
  const sessions = inOrder(incoming);
  await checkRoom(parts, sessions, options);
  const underWay = new Map<string, Promise<Imported>>();
  const next = async (): Promise<Imported> => {
    const [id] = underWay.keys();
    const first = underWay.get(id!)!;
    underWay.delete(id!);
    return first;
  };
  try {
    for (const [index, one] of sessions.entries()) {
      const { id, name } = one.header;
      // The first one keeps a name, and a second part of a session continues the first: these wait for the others.
      const most = name !== null || underWay.has(id) ? 0 : AT_ONCE - 1;
      while (underWay.size > most) yield await next();
      // Count the import as activity, or old sessions would expire at once. Times a millisecond apart keep their order.
      const at = began - (sessions.length - 1 - index);
      const maxSessions = index % COUNT_EVERY === 0 ? parts.limits.maxSessions : Infinity;
      const done = importWatched(parts, one, { at, maxSessions }, options);
      done.catch(() => undefined); // awaited in its turn
      underWay.set(id, done);
      if (name !== null) yield await next();
    }
    while (underWay.size > 0) yield await next();
  } finally {
    await Promise.allSettled(underWay.values());
  }
}

async function importWatched(
  parts: ImportServices,
  incoming: Incoming,
  how: { at: number; maxSessions: number },
  options: ImportOptions,
): Promise<Imported> {
  const watch = new Watch(incoming, options.onMessages);
  const done = await importOne(parts, watch.incoming, how, options);
  const changed = done.outcome === "imported" || done.outcome === "continued";
  if (changed && !options.dryRun) await parts.announce(done);
  watch.finish();
  return done;
}

/** Imports the first form of the session that is no conflict. */
async function importOne(
  parts: ImportServices,
  incoming: Incoming,
  { at, maxSessions }: { at: number; maxSessions: number },
  options: ImportOptions,
): Promise<Imported> {
  const { id } = incoming.header;
  let last: Imported | undefined;
  for (const form of branchesOf(incoming)) {
    // The room for branches was not checked at the start.
    const most = form === incoming ? maxSessions : parts.limits.maxSessions;
    last = await importForm(parts, form, { at, maxSessions: most }, options);
    if (last.outcome !== "conflict") return { ...last, ...(last.id !== id && { branchOf: id }) };
  }
  return last!;
}

async function importForm(
  parts: ImportServices,
  incoming: Incoming,
  how: { at: number; maxSessions: number },
  options: ImportOptions,
): Promise<Imported> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await importOver(parts, incoming, how, options);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "conflict") throw error;
      // A client has made or changed this session meanwhile: another program's may continue that, or be a branch of it.
      if (incoming.branchId === undefined || attempt === ATTEMPTS)
        return { ...resultOf(incoming, options), outcome: "conflict" };
    }
  }
}

const resultOf = (incoming: Incoming, { ownerOf }: ImportOptions) => {
  const { id, title, name } = incoming.header;
  return { id, owner: ownerOf(incoming), label: title ?? name, messages: 0 };
};

/** Makes the session, or continues the stored one. @throws AppError `conflict` when a client was faster */
async function importOver(
  parts: ImportServices,
  incoming: Incoming,
  { at, maxSessions }: { at: number; maxSessions: number },
  options: ImportOptions,
): Promise<Imported> {
  const { dryRun, by = LOCAL } = options;
  const { header } = incoming;
  const result = resultOf(incoming, options);
  const { owner } = result;
  const stored = await parts.sessions.findById(header.id);
  if (stored !== undefined && stored.owner !== owner) return { ...result, outcome: "conflict" };
  if (stored === undefined) {
    const session = { ...header, owner, lastActiveAt: at };
    const named = dryRun
      ? await isNameFree(parts, owner, header.name)
      : await restore(parts, incoming, { session, maxSessions }, by);
    return {
      ...{ ...result, outcome: "imported", messages: incoming.counts.messages },
      ...(!named && header.name !== null && { lostName: header.name }),
    };
  }
  const found = await compare(
    parts.store.snapshot(stored.id),
    living(incoming.open(), parts.now()),
    { isForeign: incoming.branchId !== undefined },
  );
  const { relation, newMessages } = found;
  if (relation === "same") return { ...result, outcome: "unchanged" };
  if (relation !== "ahead")
    return { ...result, outcome: relation === "behind" ? "behind" : "conflict" };
  if (found.stateKeys > parts.limits.maxKeys) return { ...result, outcome: "conflict" };
  if (!dryRun) await extend(parts, incoming, found, by);
  return { ...result, outcome: "continued", messages: newMessages };
}

async function restore(
  { store, audit, now }: ImportServices,
  incoming: Incoming,
  { session, maxSessions }: { session: SessionRecord; maxSessions: number },
  by: Pick<Principal, "id">,
): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const pages = inPages(living(incoming.open(), now()));
      const { named } = await audit.noteWith(
        by,
        "session imported",
        session.id,
        () => store.restore(session, pages, maxSessions),
        {
          done: isTrue,
          detail: () => `new, ${counted(incoming.counts.messages, "message")}`,
        },
      );
      return named;
    } catch (error) {
      const again = error instanceof AppError && error.code === "busy" && attempt < ATTEMPTS;
      if (!again) throw error;
    }
  }
}

function extend(
  { store, audit, now }: ImportServices,
  { header, open }: Incoming,
  { wanted, lastSeq, newMessages }: Comparison,
  by: Pick<Principal, "id">,
): Promise<void> {
  const pages = inPages(living(open(), now()), wanted);
  return audit.noteWith(
    by,
    "session imported",
    header.id,
    () => store.extend(header.id, lastSeq, pages),
    { detail: () => `continued, ${counted(newMessages, "message")}` },
  );
}

async function isNameFree(
  { sessions }: ImportServices,
  owner: string,
  name: string | null,
): Promise<boolean> {
  return name === null || (await sessions.findByName(owner, name)) === undefined;
}

/** @throws AppError `limit` when an owner would have too many sessions */
async function checkRoom(
  { store, sessions, limits }: ImportServices,
  incoming: readonly Incoming[],
  { ownerOf }: ImportOptions,
): Promise<void> {
  const fresh = new Map<string, number>();
  for (const one of incoming) {
    const owner = ownerOf(one);
    if ((await sessions.findById(one.header.id)) === undefined)
      fresh.set(owner, (fresh.get(owner) ?? 0) + 1);
  }
  for (const [owner, count] of fresh) {
    const has = await store.count(owner);
    if (has + count > limits.maxSessions)
      throw new AppError(
        "limit",
        `${owner} has ${has} sessions and would get ${count} more; at most ${limits.maxSessions} are allowed.`,
        { hint: "The setting max-sessions allows more." },
      );
  }
}

/** Reports progress. Every message counts once in the end, even when the session was read twice or not at all. */
class Watch {
  readonly incoming: Incoming;
  readonly #onMessages: (count: number) => void;
  #left: number;

  constructor(incoming: Incoming, onMessages: (count: number) => void = () => undefined) {
    this.incoming = { ...incoming, open: () => this.#watched(incoming.open()) };
    this.#onMessages = onMessages;
    this.#left = incoming.counts.messages;
  }

  finish(): void {
    this.#onMessages(this.#left);
    this.#left = 0;
  }

  async *#watched(pieces: AsyncIterable<Content>): AsyncGenerator<Content> {
    for await (const piece of pieces) {
      const counts = piece.type === "message" && this.#left > 0;
      if (counts) this.#left -= 1;
      this.#onMessages(counts ? 1 : 0);
      yield piece;
    }
  }
}

/** The content without expired state keys. */
async function* living(pieces: AsyncIterable<Content>, now: number): AsyncGenerator<Content> {
  for await (const piece of pieces) {
    const expiresAt = piece.type === "state" ? piece.entry.expiresAt : null;
    if (expiresAt === null || expiresAt > now) yield piece;
  }
}
