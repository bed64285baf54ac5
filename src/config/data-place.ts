// Where a server keeps its data, for people and programs to read.
import type { Config } from "./config.ts";
import { shownUrl } from "./database-url.ts";

export type DataSettings = Pick<
  Config,
  "ephemeral" | "data-dir" | "database-url" | "listen-url" | "pool-size"
>;

/** The database server of these settings; undefined for a folder or memory. */
export function serverOf(config: DataSettings) {
  const { ephemeral, "database-url": url } = config;
  if (ephemeral || url === undefined) return undefined;
  return { url, listenUrl: config["listen-url"], poolSize: config["pool-size"] };
}

/** The folder of these settings; undefined for a database server or memory. */
export const folderOf = (config: DataSettings): string | undefined =>
  config.ephemeral || config["database-url"] !== undefined ? undefined : config["data-dir"];

/** `memory`, the folder, or the address of the database without its password. */
export function dataPlace(config: DataSettings): string {
  const server = serverOf(config);
  return server ? shownUrl(server.url) : (folderOf(config) ?? "memory");
}
