// Looks for an Ollama on this machine, to suggest it to a user who has no model configured. Asks it for the names of
// its models only.
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { json } from "node:stream/consumers";
import { z } from "zod";

const PORT = 11434;
const TIMEOUT_MS = 300;
/** Number of models that a suggestion names. */
const MAX_NAMES = 5;

const Tags = z.object({
  models: z.array(
    z.object({ name: z.string(), details: z.object({ family: z.string() }).partial().optional() }),
  ),
});

/** One line with the settings that would use Ollama; undefined when none answers in time. `host`: OLLAMA_HOST. */
export async function suggestOllama(host: string | undefined): Promise<string | undefined> {
  try {
    const address = addressOf(host?.trim());
    const { models } = Tags.parse(await read(`${address}/api/tags`));
    const names = models
      .filter(({ name, details }) => isChatModel(name, details?.family))
      .map(({ name }) => name.replace(/:latest$/, ""))
      .slice(0, MAX_NAMES);
    if (names.length === 0) return undefined;
    return `Ollama runs here with ${names.join(", ")}: --model-url ${address}/v1 --model ${names[0]}`;
  } catch {
    return undefined; // no Ollama, or an answer of another form
  }
}

/** Without `fetch`, which takes longer to load than the rest of this. */
async function read(url: string): Promise<unknown> {
  const { get } = url.startsWith("https:") ? https : http;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { signal: AbortSignal.timeout(TIMEOUT_MS) }, resolve).on("error", reject);
  });
  return json(response);
}

/** Read the address as Ollama does: a host, a port or a URL. A server on all addresses is reached on loopback. */
function addressOf(host = ""): string {
  const bare = !host.includes("://");
  const named = host.startsWith(":") || host === "" ? `127.0.0.1${host}` : host;
  const url = new URL(bare ? `http://${named}` : named);
  if (bare && !/:\d+\/?$/.test(named)) url.port = `${PORT}`; // a URL has its scheme's port
  if (/^(0\.0\.0\.0|\[::\])$/.test(url.hostname)) url.hostname = "127.0.0.1";
  return `${url.origin}${url.pathname.replace(/\/$/, "")}`;
}

/** Accept short plain names, which may go into a terminal, but no models for embeddings, which cannot chat. */
const isChatModel = (name: string, family = ""): boolean =>
  /^[\w.:/@-]{1,100}$/.test(name) && !/bert/.test(family) && !/embed/.test(name);
