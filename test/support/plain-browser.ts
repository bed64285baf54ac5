// A browser without a page, for the console's forms.
import { expect } from "vitest";
import type { KeyedServer } from "./people.ts";

/** A browser without a page: keeps its cookie, follows no redirect. */
export function browserAt(url: string) {
  const { origin } = new URL(url);
  let cookie = "";
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (cookie !== "") headers.set("cookie", cookie);
    const response = await fetch(new URL(path, origin), { ...init, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) cookie = line.split(";", 1)[0]!;
    return response;
  };
  const get = (path: string): Promise<Response> => ask(path);
  const tokenIn = (page: string): string => /name="_token" value="([^"]+)"/.exec(page)?.[1] ?? "";
  const token = async (path: string): Promise<string> => tokenIn(await (await get(path)).text());
  return {
    get,
    cookie: () => cookie,
    /** Send a form as its page does, or as told. */
    post: (
      path: string,
      fields: Record<string, string>,
      headers: Record<string, string> = { origin },
    ) => ask(path, { method: "POST", body: new URLSearchParams(fields), headers }),
    /** Send a form with a file, and the token of its page or another one. */
    async upload(content: string, sent?: string) {
      const form = new FormData();
      form.set("_token", sent ?? (await token("/console/import")));
      form.set("format", "auto");
      form.set("file", new File([content], "export.jsonl"));
      return ask("/console/import", { method: "POST", body: form, headers: { origin } });
    },
    /** Send a form with the token of a page, and the hidden fields that the page gives to this path. */
    async send(from: string, path: string, fields: Record<string, string> = {}) {
      const page = await (await get(from)).text();
      const [, form = ""] = page.split(`action="${path}"`);
      const hidden = form
        .split("</form>")[0]!
        .matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g);
      const own = Object.fromEntries([...hidden].map(([, name, value]) => [name, value]));
      return this.post(path, { ...own, ...fields, _token: tokenIn(page) });
    },
  };
}

export async function signedIn(server: KeyedServer, principal: string, scope?: "read" | "admin") {
  const browser = browserAt(server.url);
  const key = await server.key(principal, { ...(scope && { scope }) });
  const answer = await browser.post("/console/sign-in", { key });
  expect(answer.status).toBe(303);
  return { browser, key };
}
