// A provider's words about a secret that it was sent: nobody can read the secret in the error that is made of them.
import { describe, expect, it } from "vitest";
import { modelFailure } from "../../src/models/failure.ts";

const KEY = "tok+8f7e/6d5c=4b3a29180716";
const PASSWORD = "p\u00e4ss w\u00f6rd-with-letters";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

const said = (text: string, key: string | undefined = KEY, secrets: string[] = [PASSWORD]) =>
  modelFailure(new Error(text), "m at http://a", { key, secrets }, "").advice;

const SPELLINGS: [string, (secret: string) => string][] = [
  ["as it is", (secret) => secret],
  ["in capitals", (secret) => secret.toUpperCase()],
  ["cut short", (secret) => secret.slice(0, -3)],
  ["with stars in the middle", (secret) => `${secret.slice(0, 9)}****`],
  ["with spaces", (secret) => [...secret].join(" ")],
  ["percent-encoded", encodeURIComponent],
  [
    "with each byte percent-encoded",
    (secret) => Buffer.from(secret).toString("hex").replace(/../g, "%$&"),
  ],
  ["in hexadecimal", (secret) => Buffer.from(secret).toString("hex")],
  ["in base64", base64],
  ["in base64 for addresses", (secret) => Buffer.from(secret).toString("base64url")],
  ["behind one character in base64", (secret) => base64(`:${secret}`)],
  ["behind a name in base64", (secret) => base64(`me:${secret}:`)],
];

describe.each(SPELLINGS)("a secret %s", (_, spell) => {
  it.each([KEY, PASSWORD])("is not in what is said of %j", (secret) => {
    const spelt = spell(secret);
    const text = said(`Wrong: ${spelt}, sorry.`);
    expect(text).toMatch(/^The model \(m at http:\/\/a\) failed: Wrong: .*\[key\].*, sorry\./);
    for (let at = 0; at + 12 <= spelt.length; at++)
      expect(text).not.toContain(spelt.slice(at, at + 12));
  });
});

it("a secret beside itself, or at the very end, is taken out too", () => {
  expect(said(`${KEY}${KEY}`)).toContain("failed: [key].");
  expect(said(`No: ${KEY} ${KEY}`)).not.toContain("8f7e");
});

it("a short key takes nothing else away, and without a key nothing is taken away", () => {
  const text = "The model is not loaded: try a smaller one, or \u0130stanbul.";
  expect(said(text, "xyz", [])).toContain(text);
  expect(said(text, undefined, [])).toContain(text);
});
