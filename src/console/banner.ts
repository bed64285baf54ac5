// The banner above every page: what is unsafe about the server, and conversations that go soon.
import { LRUCache } from "lru-cache";
import { may, type Principal } from "../auth/principal.ts";
import { counted } from "../lib/text/plural.ts";
import type { ConsoleOptions } from "./context.ts";

/** Conversations that go within this time are told. */
const SOON_MS = 3 * 86_400_000;
/** Time for which a banner is shown again without a look. */
const KEEP_MS = 30_000;

export class Banner {
  readonly #options: BannerParts;
  readonly #lines = new LRUCache<string, Promise<readonly string[]>>({ max: 1_000, ttl: KEEP_MS });

  constructor(options: BannerParts) {
    this.#options = options;
  }

  /** Lines for this principal; the operator is told about the server too. */
  of(principal: Principal): Promise<readonly string[]> {
    const key = `${may(principal, "admin") ? "operator" : "user"} ${principal.id}`;
    const known = this.#lines.get(key);
    if (known !== undefined) return known;
    const lines = this.#look(principal);
    this.#lines.set(key, lines);
    lines.catch(() => this.#lines.delete(key));
    return lines;
  }

  /** Look anew for the next page: a change may have mended what a line is about. */
  forget(): void {
    this.#lines.clear();
  }

  async #look(principal: Principal): Promise<readonly string[]> {
    const { services, health } = this.#options;
    const [open, going] = await Promise.all([
      this.#openness(),
      services.sessions.going(principal, SOON_MS),
    ]);
    return [
      ...open,
      ...(going > 0
        ? [
            `${counted(going, "conversation")} ${going === 1 ? "goes" : "go"} within three days if nobody uses ${going === 1 ? "it" : "them"}: pin what you want to keep.`,
          ]
        : []),
      ...(may(principal, "admin")
        ? health.alarms().map(({ check, says, advice }) => `${check}: ${says} ${advice ?? ""}`)
        : []),
    ];
  }

  async #openness(): Promise<string[]> {
    const { authenticator, openTo } = this.#options;
    const reached = openTo();
    if (reached.length === 0 || (await authenticator.required())) return [];
    return [
      `Anyone who reaches ${reached.join(", ")} can read and change every conversation: no key is asked for. Make one under Keys.`,
    ];
  }
}

type BannerParts = Pick<ConsoleOptions, "services" | "health" | "authenticator" | "openTo">;
