// A server that takes keys has no sign-in: programs that look for one learn what to do instead.
import { auth as authV2 } from "@modelcontextprotocol/client";
import { auth as authV1 } from "@modelcontextprotocol/sdk/client/auth.js";
import { expect, it } from "vitest";
import { serveHere } from "../support/here.ts";
import { serveWithKeys } from "../support/people.ts";

/** A program that would register itself and open a browser. */
const program = {
  redirectUrl: "http://127.0.0.1:9/callback",
  clientMetadata: { redirect_uris: ["http://127.0.0.1:9/callback"], client_name: "program" },
  clientInformation: () => undefined,
  saveClientInformation: () => undefined,
  tokens: () => undefined,
  saveTokens: () => undefined,
  redirectToAuthorization: () => undefined,
  saveCodeVerifier: () => undefined,
  codeVerifier: () => "",
};

/** With a `Response` of this process, whose class the server in it has replaced: the v1 client asks for the class. */
const fetchFn = async (url: string | URL, init?: RequestInit): Promise<Response> => {
  const { status, headers, body } = await fetch(url, init);
  return new Response(body, { status, headers });
};

it.each([
  ["v1", authV1],
  ["v2", authV2],
])("the %s client that registers itself is told to bring a key", async (_, signIn) => {
  const { url } = await serveWithKeys();
  await expect(signIn(program as never, { serverUrl: url, fetchFn })).rejects.toThrow(
    /takes API keys.*Authorization: Bearer/,
  );
});

it.each([
  ["GET", "/.well-known/oauth-authorization-server", 404],
  ["GET", "/.well-known/openid-configuration/mcp", 404],
  ["POST", "/register", 400],
  ["POST", "/token", 400],
  ["GET", "/authorize?client_id=x", 400],
])("%s %s answers with an error of OAuth", async (method, path, status) => {
  const closed = await serveWithKeys();
  const open = await serveHere();
  for (const [url, says] of [
    [closed.url, /takes API keys/],
    [open.url, /needs no credentials/],
  ] as const) {
    const answer = await fetch(new URL(path, url), { method });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toEqual({
      error: "access_denied",
      error_description: expect.stringMatching(says) as string,
    });
  }
});
