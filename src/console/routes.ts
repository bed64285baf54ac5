// The console's routes, as a table of contents. Its pages ask the services that tools ask, with the same access checks.
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { except } from "hono/combine";
import { createMiddleware } from "hono/factory";
import { html } from "hono/html";
import { STATUS } from "../http/errors.ts";
import { toAppError } from "../lib/errors.ts";
import { RequestError } from "../protocol/errors.ts";
import { why } from "../telemetry/failures.ts";
import { assetRoutes } from "./assets.ts";
import { Banner } from "./banner.ts";
import type { ConsoleEnv, ConsoleOptions } from "./context.ts";
import { barePage } from "./layout.ts";
import { liveRoute } from "./live/route.ts";
import { LiveStreams } from "./live/streams.ts";
import { accountRoutes } from "./pages/account.ts";
import { activityRoutes } from "./pages/activity.ts";
import { arrivalRoutes, authorizeRoutes } from "./pages/authorize.ts";
import { connectRoutes } from "./pages/connect.ts";
import { healthRoutes } from "./pages/health.ts";
import { importRoutes, UPLOAD, uploadRoute } from "./pages/import.ts";
import { keyRoutes } from "./pages/keys.ts";
import { searchRoutes } from "./pages/search.ts";
import { sessionFormRoutes } from "./pages/session-forms.ts";
import { sessionRoutes } from "./pages/session.ts";
import { sessionListRoutes } from "./pages/sessions.ts";
import { withSafeHeaders } from "./parts/safe-headers.ts";
import { fromHere, signedIn, signInRoutes, signOut, withToken } from "./sign-in.ts";
import { Talks } from "./talks.ts";

/** All pages below /console, and what ends the streams of open ones. */
export function consoleRoutes(parts: Omit<ConsoleOptions, "talks">): {
  app: Hono<ConsoleEnv>;
  endStreams(): void;
} {
  const talks = new Talks();
  const streams = new LiveStreams(
    (listener) => {
      const watches = new DisposableStack();
      for (const watch of [parts.watch, parts.calls.watch, talks.watch])
        watches.use(watch(listener));
      return watches;
    },
    (error) => parts.log.warn(why(error), "an open page could not be kept up to date"),
  );
  return { app: routes({ ...parts, talks }, streams), endStreams: () => streams.close() };
}

/** Hono answers HEAD as it does GET, and leaves the body unread: what would stream ends here. */
const endUnread = createMiddleware<ConsoleEnv>(async (c, next) => {
  await next();
  if (c.req.raw.method === "HEAD") await c.res.body?.cancel();
});

function routes(options: ConsoleOptions, streams: LiveStreams): Hono<ConsoleEnv> {
  const app = new Hono<ConsoleEnv>({ strict: false }).basePath("/console");
  app.onError((error, c) => {
    const known = toAppError(error, c.env.requestId);
    const status = STATUS[known.code] as 500;
    if (status >= 500)
      options.log.error({ ...why(known), request: c.env.requestId }, known.message);
    return c.html(
      barePage(
        "That did not work",
        html`<p>${known.advice}</p>
          ${BACK}`,
      ),
      status,
    );
  });
  app.notFound((c) =>
    c.html(
      barePage(
        "Nothing is here",
        html`<p>The address is mistyped, or old.</p>
          ${BACK}`,
      ),
      404,
    ),
  );
  app.use(withSafeHeaders, endUnread);
  assetRoutes(app);
  app.use(except(UPLOAD, limitBody(options.maxBodyBytes)), fromHere(options.publicUrl));
  signInRoutes(app, options);
  arrivalRoutes(app);
  app.use(signedIn(options));
  liveRoute(app, options, streams);
  const banner = new Banner(options);
  app.use(async (c, next) => {
    c.set("banner", await banner.of(c.get("principal")));
    await next();
    if (c.req.method === "POST") banner.forget();
  });
  uploadRoute(app, options); // reads its form, with the token, as it comes
  app.use(withToken);
  app.get("/", async (c) => {
    const found = await options.services.sessions.list(c.get("principal"), { limit: 1 });
    const section = found.sessions.length > 0 ? "sessions" : "connect";
    return c.redirect(`/console/${section}`, 302);
  });
  app.post("/sign-out", (c) => signOut(c, options));
  sessionListRoutes(app, options);
  sessionRoutes(app, options);
  sessionFormRoutes(app, options);
  searchRoutes(app, options);
  connectRoutes(app, options);
  importRoutes(app, options);
  activityRoutes(app, options);
  healthRoutes(app, options);
  keyRoutes(app, options);
  accountRoutes(app, options);
  authorizeRoutes(app, options);
  return app;
}

const limitBody = (maxSize: number) =>
  bodyLimit({
    maxSize,
    onError() {
      throw new RequestError("too_large", `The form is larger than ${maxSize} bytes (max-body).`);
    },
  });

const BACK = html`<p><a href="/console">To the console</a></p>`;
