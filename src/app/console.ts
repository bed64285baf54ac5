// The console, loaded when somebody opens its first page: a start does not wait for it.
import type { ConsoleOptions } from "../console/context.ts";
import type { consoleRoutes } from "../console/routes.ts";
import type { Pages } from "../http/routes.ts";

export interface Console {
  pages: Pages;
  /** Begin to take account of the server. */
  start(): void;
  /** End the streams of open pages. */
  endStreams(): Promise<void>;
  /** End the measurements, and a backup under way. */
  close(): Promise<void>;
}

export function lazyConsole(options: Omit<ConsoleOptions, "talks">): Console {
  let loaded: Promise<ReturnType<typeof consoleRoutes>> | undefined;
  const load = async (): Promise<ReturnType<typeof consoleRoutes>> =>
    (await import("../console/routes.ts")).consoleRoutes(options);
  return {
    pages: async (request, env) => (await (loaded ??= load())).app.fetch(request, env),
    start: () => options.health.start(),
    endStreams: async () => (await loaded?.catch(() => undefined))?.endStreams(),
    async close() {
      options.health.close();
      await options.backups?.close();
    },
  };
}
