// Roles and addresses of a test's database, as an administrator makes them.
import { randomBytes } from "node:crypto";
import { onTestFinished } from "vitest";
import type { TestDatabase } from "./postgres.ts";

/** The password of each of these roles. */
export const PASSWORD = `secret-${randomBytes(4).toString("hex")}`;

/** The address with other parts. */
export function address(
  { url: given }: Pick<TestDatabase, "url">,
  parts: Partial<Record<"username" | "password" | "port" | "pathname" | "search", string>>,
): string {
  const url = new URL(given);
  Object.assign(url, parts);
  return url.href;
}

/** A role that owns nothing, until the end of the test. */
export async function newRole({ client }: TestDatabase, options = ""): Promise<string> {
  const name = `holdfast_${randomBytes(4).toString("hex")}`;
  await client.query(`CREATE ROLE ${name} LOGIN PASSWORD '${PASSWORD}' ${options}`);
  onTestFinished(async () => {
    await client.query(`REASSIGN OWNED BY ${name} TO CURRENT_USER`);
    await client.query(`DROP OWNED BY ${name}`);
    await client.query(`DROP ROLE ${name}`);
  });
  return name;
}

/** Gives the database to a new role; returns the role's name and address. */
export async function newOwner(database: TestDatabase, options = "") {
  const username = await newRole(database, options);
  const name = new URL(database.url).pathname.slice(1);
  await database.client.query(`ALTER DATABASE ${name} OWNER TO ${username}`);
  return { username, url: address(database, { username, password: PASSWORD }) };
}
