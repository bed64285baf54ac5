// A program that speaks OAuth by hand, as hosts do and as attackers do.
import { createHash } from "node:crypto";
import { expect } from "vitest";
import type { Person } from "./oauth.ts";

export interface Tokens {
  access_token: string;
  refresh_token: string;
  scope: string;
  expires_in: number;
}

const VERIFIER = "v".repeat(43);
const CHALLENGE = createHash("sha256").update(VERIFIER).digest("base64url");

export class Program {
  readonly url: string;
  readonly origin: string;
  readonly redirect: string;
  clientId = "";

  constructor(url: string, redirect = "https://claude.ai/api/mcp/auth_callback") {
    this.url = url;
    this.origin = new URL(url).origin;
    this.redirect = redirect;
  }

  /** Registers, unless it has an id. */
  static async registered(url: string, redirect?: string): Promise<Program> {
    const program = new Program(url, redirect);
    const answer = await program.register({ client_name: "Claude" });
    expect(answer.status).toBe(201);
    program.clientId = ((await answer.json()) as { client_id: string }).client_id;
    return program;
  }

  register(metadata: object): Promise<Response> {
    return fetch(`${this.origin}/register`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ redirect_uris: [this.redirect], ...metadata }),
    });
  }

  /** Parameters that are undefined are left out. */
  authorization(more: Record<string, string | undefined> = {}): URL {
    const url = new URL("/authorize", this.origin);
    const params = {
      ...{ response_type: "code", client_id: this.clientId, redirect_uri: this.redirect },
      ...{ code_challenge: CHALLENGE, code_challenge_method: "S256", state: "s" },
      ...{ scope: "read write", resource: this.url, ...more },
    };
    for (const [name, value] of Object.entries(params))
      if (value !== undefined) url.searchParams.set(name, value);
    return url;
  }

  token(fields: Record<string, string | undefined>): Promise<Response> {
    const body = Object.entries({ client_id: this.clientId, ...fields });
    return fetch(`${this.origin}/token`, {
      method: "POST",
      body: new URLSearchParams(body.filter((pair): pair is [string, string] => !!pair[1])),
    });
  }

  exchange(code: string, more: Record<string, string | undefined> = {}): Promise<Response> {
    return this.token({
      ...{ grant_type: "authorization_code", code, redirect_uri: this.redirect },
      ...{ code_verifier: VERIFIER, ...more },
    });
  }

  refresh(token: string, more: Record<string, string> = {}): Promise<Response> {
    return this.token({ grant_type: "refresh_token", refresh_token: token, ...more });
  }

  revoke(token: string): Promise<Response> {
    return fetch(`${this.origin}/revoke`, {
      method: "POST",
      body: new URLSearchParams({ client_id: this.clientId, token }),
    });
  }

  /** A code that a person has allowed. */
  async code(person: Person, more?: Record<string, string | undefined>, scopes?: string[]) {
    const back = await person.allow(this.authorization(more), scopes);
    expect(back.searchParams.get("error")).toBeNull();
    return back.searchParams.get("code")!;
  }

  async tokens(person: Person, scopes?: string[]): Promise<Tokens> {
    return tokensOf(await this.exchange(await this.code(person, {}, scopes)));
  }

  /** The status of a request with this token. */
  async knock(token: string): Promise<number> {
    const answer = await fetch(this.url, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
    });
    await answer.text();
    return answer.status === 401 ? 401 : 200;
  }
}

export async function tokensOf(answer: Response): Promise<Tokens> {
  const text = await answer.text();
  expect(answer.status, text).toBe(200);
  return JSON.parse(text) as Tokens;
}

/** The error of an answer, in the words of OAuth. */
export async function errorOf(answer: Response): Promise<string> {
  expect(answer.status).toBeGreaterThanOrEqual(400);
  return ((await answer.json()) as { error: string }).error;
}
