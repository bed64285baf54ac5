// Serves the files that pages load. Each has a hash of its content in its name, so browsers keep it for ever.
import { createHash } from "node:crypto";
import type { Hono } from "hono";
import type { ConsoleEnv } from "./context.ts";
import { embedded } from "./embedded.ts";

export type AssetName = keyof typeof embedded;

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

interface Asset {
  path: string;
  type: string;
  content: string;
}

const assets = Object.fromEntries(
  Object.entries(embedded).map(([name, content]) => {
    const hash = createHash("sha256").update(content).digest("hex").slice(0, 12);
    const [stem, ending] = name.split(".") as [string, string];
    return [name, { path: `/assets/${stem}.${hash}.${ending}`, type: TYPES[ending]!, content }];
  }),
) as Record<AssetName, Asset>;

export const assetPath = (name: AssetName): string => `/console${assets[name].path}`;

export function assetRoutes(app: Hono<ConsoleEnv>): void {
  for (const { path, type, content } of Object.values(assets))
    app.get(path, (c) =>
      c.body(content, 200, {
        "content-type": type,
        "cache-control": "public, max-age=31536000, immutable",
      }),
    );
}
