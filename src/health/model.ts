// The check of the model endpoint: it answers, accepts the key, and has the configured models.
import type { Config } from "../config/config.ts";
import { AppError } from "../lib/errors.ts";
import { similarTo } from "../lib/text/similar.ts";
import { configuredModel } from "../models/configured.ts";
import { fail, type Finding, ok, warn } from "./finding.ts";

const TIMEOUT_MS = 5_000;
const check = "model";

export async function checkModel(config: Config): Promise<Finding> {
  const endpoint = configuredModel(config);
  if (endpoint === undefined)
    return ok(check, "None is configured: chat asks the client's own, or recalls.");
  const { label, models } = endpoint;
  try {
    const available = await endpoint.available(TIMEOUT_MS);
    if (available === undefined)
      return ok(
        check,
        `${label} answers, but lists no models: whether it has this one is not known.`,
      );
    // Ignore a tag: Ollama adds one to a name without any.
    const missing = models.filter(
      (name) => !available.includes(name) && !available.includes(`${name}:latest`),
    );
    if (missing.length === 0) return ok(check, `${label} is there.`);
    const meant = similarTo(missing[0]!, available);
    return warn(
      check,
      `${label} answers, but does not list ${missing.join(", ")}.`,
      meant
        ? `Did you mean ${meant}?`
        : "Is --model right? Some endpoints do not list all they have.",
    );
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return fail(check, error.message, error.hint || "Is it running, and is --model-url right?");
  }
}
