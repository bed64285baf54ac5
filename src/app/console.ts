// The console, loaded when somebody opens its first page: a start does not wait for it.
import type { ConsoleOptions } from "../console/context.ts";
import type { Pages } from "../http/routes.ts";

export function consolePages(options: Omit<ConsoleOptions, "talks">): Pages {
  let loaded: Promise<Pages> | undefined;
  const load = async (): Promise<Pages> => {
    const { consoleRoutes } = await import("../console/routes.ts");
    const routes = consoleRoutes(options);
    return async (request, env) => routes.fetch(request, env);
  };
  return async (request, env) => (await (loaded ??= load()))(request, env);
}
