// The two sides of a sign-in: a person with a browser and a key, and a program with the code that its SDK has for OAuth.
import { expect } from "vitest";

interface Cookie {
  value: string;
  path: string;
}

/** A browser without scripts: keeps cookies by their paths, and follows redirects until another site begins. */
export class Person {
  readonly #key: string;
  readonly #origin: string;
  readonly #cookies = new Map<string, Cookie>();

  constructor(url: string, key: string) {
    this.#origin = new URL(url).origin;
    this.#key = key;
  }

  async ask(address: string | URL, init: RequestInit = {}): Promise<Response> {
    const url = new URL(address, this.#origin);
    const sent = [...this.#cookies]
      .filter(([, { path }]) => url.pathname.startsWith(path))
      .map(([name, { value }]) => `${name}=${value}`);
    const headers = { ...(init.headers as Record<string, string>), cookie: sent.join("; ") };
    const answer = await fetch(url, { ...init, headers, redirect: "manual" });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      const path = /;\s*path=([^;]+)/i.exec(line)?.[1] ?? "/";
      if (value === "") this.#cookies.delete(name!);
      else this.#cookies.set(name!, { value: value!, path });
    }
    return answer;
  }

  /** Follows redirects to the next page, or to an address of another site. */
  async open(address: string | URL, init?: RequestInit): Promise<{ at: URL; page: string }> {
    let at = new URL(address, this.#origin);
    let answer = await this.ask(at, init);
    for (let hop = 0; hop < 10; hop += 1) {
      const next =
        answer.headers.get("location") ?? /url=(.*)/.exec(answer.headers.get("refresh") ?? "")?.[1];
      if (next === undefined) return { at, page: await answer.text() };
      at = new URL(next, at);
      if (at.origin !== this.#origin) return { at, page: "" };
      answer = await this.ask(at);
    }
    throw new Error(`too many redirects at ${at.href}`);
  }

  /** Sends the page's form. */
  submit(
    { at, page }: { at: URL; page: string },
    fields: readonly (readonly [string, string])[],
  ): Promise<{ at: URL; page: string }> {
    const action = /action="([^"]+)"/.exec(page)?.[1] ?? at.pathname;
    const hidden = [...page.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)];
    const body = new URLSearchParams([
      ...hidden.slice(0, 1).map(([, name, value]) => [name!, value!.replaceAll("&amp;", "&")]),
      ...fields.map(([name, value]) => [name, value]),
    ]);
    return this.open(action, { method: "POST", body, headers: { origin: this.#origin } });
  }

  /** The page on which a program's request is allowed, after the sign-in. */
  async consent(authorization: string | URL): Promise<{ at: URL; page: string }> {
    let shown = await this.open(authorization);
    if (shown.at.pathname === "/console/sign-in")
      shown = await this.submit(shown, [["key", this.#key]]);
    return shown;
  }

  /** Allows what a program asks for; resolves to the address that leads back to it. */
  async allow(authorization: string | URL, scopes = ["read", "write"]): Promise<URL> {
    const shown = await this.consent(authorization);
    if (shown.page === "") return shown.at; // was allowed before
    expect(shown.page).toContain("Allow this program?");
    const { at } = await this.submit(shown, [
      ...scopes.map((scope) => ["scope", scope] as const),
      ["decision", "allow"],
    ]);
    return at;
  }
}

/** A program in the words of the SDKs' OAuth clients, v1 and v2. */
export function program(more: Record<string, unknown> = {}) {
  const store: Record<string, unknown> = {};
  const redirectUrl = (more["redirectUrl"] as string | undefined) ?? "http://127.0.0.1:9/callback";
  return {
    store,
    redirectUrl,
    clientMetadata: { redirect_uris: [redirectUrl], client_name: "Test Program" },
    clientInformation: () => store["client"] as never,
    saveClientInformation: (client: unknown) => void (store["client"] = client),
    tokens: () => store["tokens"] as never,
    saveTokens: (tokens: unknown) => void (store["tokens"] = tokens),
    redirectToAuthorization: (url: URL) => void (store["authorization"] = url),
    saveCodeVerifier: (verifier: string) => void (store["verifier"] = verifier),
    codeVerifier: () => store["verifier"] as string,
    state: () => "the-state",
    get authorization(): URL {
      return store["authorization"] as URL;
    },
    get clientId(): string {
      return (store["client"] as { client_id: string }).client_id;
    },
    get token(): string {
      return (store["tokens"] as { access_token: string }).access_token;
    },
    get refreshToken(): string {
      return (store["tokens"] as { refresh_token: string }).refresh_token;
    },
    ...more,
  };
}

/** With a `Response` of this process, whose class the server in it has replaced: the v1 client asks for the class. */
export const fetchHere = async (url: string | URL, init?: RequestInit): Promise<Response> => {
  const { status, headers, body } = await fetch(url, init);
  return new Response(status === 204 || status === 202 ? null : body, { status, headers });
};
