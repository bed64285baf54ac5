// Decides whether the server signs people in by itself, as an authorization server of its own, and what it asks callers for.
import { isPrivateUrl } from "../lib/loopback.ts";
import type { Config } from "./config.ts";

/** True if programs can sign in here. By default: at a public address, with nothing else that asks for credentials. */
export function isAuthorizationServer(config: Config): boolean {
  if (config["auth-server"] !== "auto") return config["auth-server"] === "true";
  const url = config["public-url"];
  return (
    url !== undefined &&
    isPrivateUrl(new URL(url)) &&
    config["auth-issuer"] === undefined &&
    !config["insecure-no-auth"] &&
    config.console
  );
}

/** True if programs find the way to a sign-in by themselves: here, or at another issuer. */
export const hasSignIn = (config: Config): boolean =>
  config["auth-issuer"] !== undefined || isAuthorizationServer(config);

/** True if callers need credentials even without any key. */
export const alwaysAsks = (config: Config): boolean =>
  config["auth-issuer"] !== undefined || config["auth-server"] === "true";
