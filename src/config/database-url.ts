// Addresses of PostgreSQL databases.

const SCHEME = /^postgres(?:ql)?:\/\//;

export const isDatabaseUrl = (text: string): boolean => SCHEME.test(text) && URL.canParse(text);

/** The address without user and password, which may be shown: `postgres://host:5432/database`. */
export function shownUrl(url: string): string {
  const { hostname, port, pathname, searchParams } = new URL(url);
  const host = hostname || searchParams.get("host") || "localhost";
  return `postgres://${host}:${port || "5432"}${pathname}`;
}
