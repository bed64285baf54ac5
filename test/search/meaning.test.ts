// Search by meaning, with an endpoint of embeddings that the test scripts.
import { createServer } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { connect, type TestClient } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { type Here, serveHere } from "../support/here.ts";
import { listenLocally } from "../support/ports.ts";

/** Words of one axis mean the same. */
const AXES = [/car|automobile|vehicle/i, /dog|hound/i, /rain|drizzle/i];

interface Asked {
  model: string;
  input: string[];
  authorization: string | undefined;
}

/** Embeds texts by their axes; refuses each text with `REFUSED`. */
async function startEndpoint() {
  const asked: Asked[] = [];
  const state = { down: false };
  const server = createServer((request, response) => {
    void (async () => {
      let body = "";
      for await (const piece of request) body += String(piece);
      const { model, input } = JSON.parse(body) as Omit<Asked, "authorization">;
      asked.push({ model, input, authorization: request.headers.authorization });
      if (state.down || input.some((text) => text.includes("REFUSED"))) {
        response.writeHead(state.down ? 503 : 400).end('{"error":{"message":"not now"}}');
        return;
      }
      const data = input.map((text, index) => ({
        ...{ object: "embedding", index },
        embedding: [...AXES.map((axis) => (axis.test(text) ? 1 : 0)), 0.1],
      }));
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ object: "list", model, data: data.toReversed() }));
    })();
  });
  const port = await listenLocally(server);
  onTestFinished(() => void server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${port}/v1`, asked, state };
}

type Endpoint = Awaited<ReturnType<typeof startEndpoint>>;

const serve = (folder: string, { url }: Endpoint, model = "small"): Promise<Here> =>
  serveHere({
    folder,
    config: { "embedding-model": model, "embedding-url": url, "embedding-key": "secret-key-1" },
  });

async function found(client: TestClient, query: string, more = {}): Promise<number[]> {
  const { data, isError, text } = await client.call("history_search", { query, ...more });
  expect(isError, text).toBe(false);
  return (data["hits"] as { seq: number }[]).map(({ seq }) => seq);
}

const remember = async (client: TestClient, ...texts: string[]): Promise<void> => {
  for (const content of texts) await client.call("history_append", { role: "user", content });
};

const POLL = { timeout: 20_000, interval: 100 };

it("finds messages that mean the same in other words, beside those with the words", async () => {
  const endpoint = await startEndpoint();
  const client = await connect("v2", await serve(temporaryFolder(), endpoint));
  await remember(
    client,
    "REFUSED text",
    "The car is red.",
    "A hound barks.",
    "It rains.",
    "vehicle",
  );
  const both = async () => (await found(client, "automobile")).toSorted();
  await expect.poll(both, POLL).toEqual([2, 5]);
  expect(await found(client, "vehicle")).toEqual([5, 2]);
  expect(await found(client, "automobile", { exclude: ["red"] })).toEqual([5]);
  expect(await found(client, '"automobile"')).toEqual([]);
  expect(await found(client, "automobile", { role: "assistant" })).toEqual([]);
  expect(endpoint.asked[0]).toMatchObject({ model: "small", authorization: "Bearer secret-key-1" });
});

it("goes on by words when the endpoint is down, and says so without the key", async () => {
  const endpoint = await startEndpoint();
  const client = await connect("v2", await serve(temporaryFolder(), endpoint));
  await remember(client, "The car is red.", "An automobile.");
  await expect.poll(() => found(client, "vehicle"), POLL).toHaveLength(2);
  endpoint.state.down = true;
  const { data, text } = await client.call("history_search", { query: "automobile" });
  expect(data["hits"]).toMatchObject([{ seq: 2 }]);
  expect(data["notice"]).toMatch(/^Searched by words alone: .*HTTP 503/);
  expect(text).toContain(data["notice"]);
  expect(JSON.stringify(data)).not.toContain("secret-key");
});

it("goes on after a restart where it was, and begins anew with another model", async () => {
  const endpoint = await startEndpoint();
  const folder = temporaryFolder();
  const texts = (model: string): string[] =>
    endpoint.asked.filter((one) => one.model === model).flatMap(({ input }) => input);
  const first = await serve(folder, endpoint);
  const home = await connect("v2", first);
  await remember(home, "The car is red.", "A dog.");
  await expect.poll(() => found(home, "automobile", { scope: "all" }), POLL).toEqual([1]);
  await first.stop();
  const before = texts("small").filter((text) => text === "A dog.").length;
  const second = await serve(folder, endpoint);
  const again = await connect("v2", second);
  await remember(again, "A hound barks.");
  await expect.poll(() => texts("small").includes("A hound barks."), POLL).toBe(true);
  expect(texts("small").filter((text) => text === "A dog.")).toHaveLength(before);
  await second.stop();
  const third = await connect("v2", await serve(folder, endpoint, "large"));
  await expect.poll(() => found(third, "automobile", { scope: "all" }), POLL).toEqual([1]);
  expect(texts("large")).toEqual(expect.arrayContaining(["The car is red.", "A dog."]));
});
