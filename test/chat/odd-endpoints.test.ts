// Endpoints that speak a dialect of their own: what has one meaning is taken, what they say reaches the caller, and an answer
// that ended early is marked.
import { describe, expect, it } from "vitest";
import { serveHere } from "../support/here.ts";
import type { ModelServer, Script } from "../support/model-server.ts";
import { breaksOff, refuses, says, sends, startModel, streams } from "../support/model-server.ts";
import { anthropic, openai, type Wire } from "../support/model-wires.ts";
import { introduce } from "../support/raw.ts";
import { transcript } from "../support/rows.ts";

async function scene(wire: Wire, scripts: readonly Script[], config: Record<string, string> = {}) {
  const model = await startModel(wire);
  model.next(...scripts);
  const settings = { "model-provider": wire.provider, "model-url": model.url, model: "scripted-1" };
  const here = await serveHere({ config: { "log-level": "silent", ...settings, ...config } });
  return { ...here, model, client: await introduce(here.url) };
}

const ask = async (wire: Wire, script: Script, config?: Record<string, string>) => {
  const { client, model } = await scene(wire, [script], config);
  return { ...(await client.call("chat", { prompt: "Well?" })), model };
};

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
const chunk = (delta: object, finish_reason: string | null = null): string =>
  event({ id: "1", choices: [{ index: 0, delta, finish_reason }] });

/** An OpenAI stream of these chunks. */
const stream = (...parts: string[]): Script => sends(`${parts.join("")}data: [DONE]\n\n`);

/** An answer of these words that ends for this reason. */
const ended: Record<string, (text: string, reason: string) => Script> = {
  openai: (text, reason) => stream(chunk({ content: text }), chunk({}, reason)),
  anthropic: (text, reason) => (response, call) =>
    sends(
      anthropic.begin + anthropic.piece(text) + anthropic.end(true).replace("end_turn", reason),
    )(response, call),
};

const wires: [string, Wire][] = [
  ["openai", openai],
  ["anthropic", anthropic],
];

describe.each(wires)("an answer in the form of %s", (name, wire) => {
  it.each([
    ["before the answer", "<think>hm\n\nwell</think>\n\nAhoy"],
    ["that the template began", "hm\nwell\n</think>\n\nAhoy"],
    ["in two parts", "<think>a</think>Ahoy\n<thinking>b</thinking>"],
    ["in brackets", "[THINK]hm[/THINK]Ahoy"],
  ])("has no thoughts %s, neither here nor in the next request", async (_, text) => {
    const { client, model, folder } = await scene(wire, [says(...text.split(/(?=<|h)/))]);
    expect(await client.call("chat", { prompt: "Hi" })).toMatchObject({
      ...{ says: "Ahoy", data: { text: "Ahoy" } },
    });
    await client.call("chat", { prompt: "And?" });
    expect(model.calls[1]!.messages.map(({ content }) => content)).toEqual(["Hi", "Ahoy", "And?"]);
    expect(transcript(folder)[1]).toBe("2 assistant complete Ahoy");
  });

  it.each([
    ["in code", "Write `<think>` and then\n```\n<think>x</think>\n```"],
    ["in a sentence", "Wrap it in <thinking> tags, then close with </thinking> and go on."],
  ])("may speak of tags %s", async (_, text) => {
    expect(await ask(wire, says(text))).toMatchObject({ says: text });
  });

  it("of thoughts only, cut at its limit, is an error that says so", async () => {
    const limit = name === "openai" ? "length" : "max_tokens";
    const answer = await ask(wire, ended[name]!("<think>hm", limit));
    expect(answer).toMatchObject({ isError: true });
    expect(answer.says).toMatch(/answer is empty.*max_tokens is too small/);
  });

  it.each([
    [name === "openai" ? "length" : "max_tokens", "length", /limit of tokens/],
    [
      name === "openai" ? "content_filter" : "refusal",
      name === "openai" ? "content_filter" : "refusal",
      /cut:/,
    ],
  ])("that ends by %s is kept, marked, and the caller is told", async (reason, told, mark) => {
    const answer = await ask(wire, ended[name]!("Half an", reason));
    expect(answer).toMatchObject({ isError: false, data: { finish_reason: told } });
    expect(answer.says).toMatch(/^Half an\n\n… \(cut: /);
    expect(answer.says).toMatch(mark);
  });

  it.each(["error", "insufficient_system_resource"])(
    "that ends by %s is an error, which names it",
    async (reason) => {
      const answer = await ask(wire, ended[name]!("Half", reason));
      expect(answer).toMatchObject({ isError: true });
      expect(answer.says).toContain(`broke off: the endpoint gave the reason ${reason}.`);
    },
  );

  it.each([
    ["MAX_TOKENS", "length"],
    ["model_length", "length"],
    ["SAFETY", "content_filter"],
    ["recitation", "content_filter"],
    ["repetition", "repetition"],
    ["abort", "abort"],
    ["pause_turn", "pause_turn"],
    [name === "openai" ? "tool_calls" : "tool_use", "tool_calls"],
  ])("that ends by %s is marked with %s", async (reason, told) => {
    const answer = await ask(wire, ended[name]!("Half an", reason));
    expect(answer).toMatchObject({ isError: false, data: { finish_reason: told } });
    expect(answer.says).toMatch(/^Half an\n\n… \(cut: /);
  });

  it.each(["eos", "STOP", "stop_sequence", "end_turn", "COMPLETE", ""])(
    "that ends by %j is complete",
    async (reason) => {
      const { says: text, data } = await ask(wire, ended[name]!("Ahoy", reason));
      expect([text, data.finish_reason]).toEqual(["Ahoy", undefined]);
    },
  );

  it("that breaks off without an end is an error", async () => {
    const answer = await ask(wire, sends(wire.begin + wire.piece("Half")));
    expect(answer).toMatchObject({ isError: true });
    expect(answer.says).toContain("The answer broke off: the stream ended early.");
  });

  it("that is cut within an event is an error of the stream, not of its JSON", async () => {
    const half = 'data: {"choices":[{"index":0,"del';
    const answer = await ask(wire, sends(wire.begin + wire.piece("Half") + half));
    expect(answer.says).toContain("failed: The answer broke off: the stream ended early.");
  });

  it("that drips for longer than the time-out arrives whole", async () => {
    const pieces = Array.from({ length: 12 }, (_, n) => `${n} `);
    const drip = streams(async function* () {
      for (const piece of pieces) {
        yield piece;
        await later(200);
      }
    });
    const { says: text } = await ask(wire, drip, { "model-timeout": "1500ms" });
    expect(text.trim()).toBe(pieces.join("").trim());
  });

  it("whose connection breaks is an error that says so, without a status", async () => {
    const answer = await ask(wire, breaksOff("Half"));
    expect(answer).toMatchObject({ isError: true });
    expect(answer.says).toMatch(/failed: The answer broke off: /);
    expect(answer.says).not.toMatch(/HTTP|Failed to process/);
  });

  it("of an endpoint whose quota is used up is not asked for again", async () => {
    const answer = await ask(wire, (response) => {
      const error = { message: "Out of credit.", type: "insufficient_quota" };
      response.writeHead(429, { "retry-after-ms": "1" }).end(JSON.stringify({ error }));
    });
    expect(answer.says).toContain("HTTP 429: Out of credit.");
    expect(answer.model.calls).toHaveLength(1);
  });

  it("of a busy endpoint that names a long wait is not asked for again", async () => {
    const answer = await ask(wire, refuses(429, "Used up.", { "retry-after": "3600" }));
    expect(answer.says).toMatch(/HTTP 429: Used up\. It asks to wait 60 minutes/);
    expect(answer.model.calls).toHaveLength(1);
  });
});

/** A time to wait: the one thing here that a slow model cannot do without. */
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("a stream", () => {
  const answer = {
    object: "chat.completion",
    choices: [{ message: { role: "assistant", content: "Ahoy" }, finish_reason: "stop" }],
  };

  it.each<[string, Script]>([
    [
      "with empty data lines",
      stream("data:\n\n", "data: \n\n", chunk({ content: "Ahoy" }, "stop")),
    ],
    [
      "with comments and unknown events",
      stream(
        ": busy\n\n",
        event({ type: "ping" }),
        "event: x\n",
        chunk({ content: "Ahoy" }, "stop"),
      ),
    ],
    [
      "with content in parts",
      stream(
        chunk(
          {
            content: [
              { type: "thinking", thinking: [] },
              { type: "text", text: "Ahoy" },
            ],
          },
          "stop",
        ),
      ),
    ],
    [
      "with thoughts of their own",
      stream(
        chunk({ reasoning_content: "hm" }),
        chunk({ reasoning: "hm" }),
        chunk({ content: "Ahoy" }, "stop"),
      ),
    ],
    [
      "with an empty error in each event",
      stream(
        event({ error: null, choices: [{ index: 0, delta: { content: "Ahoy" } }] }),
        event({ error: null, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
      ),
    ],
    ["without a reason, but with an end", stream(chunk({ content: "Ahoy" }))],
    ["of the whole answer", stream(event(answer))],
    ["that is the whole answer as JSON", sends(JSON.stringify(answer), "application/json")],
    ["that is the whole answer, called a stream", sends(JSON.stringify(answer, null, 1))],
    [
      "with line breaks of two signs",
      sends(`${chunk({ content: "Ahoy" }, "stop")}data: [DONE]\n\n`.replaceAll("\n", "\r\n")),
    ],
    [
      "with line breaks of returns",
      sends(`${chunk({ content: "Ahoy" }, "stop")}data: [DONE]\n\n`.replaceAll("\n", "\r")),
    ],
    [
      "without blank lines",
      sends(
        `${chunk({ content: "A" })}${chunk({ content: "hoy" }, "stop")}data: [DONE]\n`.replaceAll(
          "\n\n",
          "\n",
        ),
      ),
    ],
    [
      "with an event of several lines",
      stream('data: {"choices":\ndata: [{"index":0,"delta":{"content":"Ahoy"}}]}\n\n'),
    ],
    [
      "in the form of older completions",
      stream(
        event({ choices: [{ text: "Ahoy" }] }),
        event({ choices: [{ finish_reason: "stop" }] }),
      ),
    ],
    [
      "with values that say nothing",
      stream("data: null\n\n", "data: 7\n\n", chunk({ content: "Ahoy" })),
    ],
    ["with an end in quotes", sends(`${chunk({ content: "Ahoy" })}data: "[DONE]"\n\n`)],
    ["with an end in small letters", sends(`${chunk({ content: "Ahoy" })}data: [done]\n\n`)],
    [
      "with fields of another kind",
      stream(
        event({
          ...{ id: 7, object: null, created: "now", model: {}, usage: "free" },
          choices: [{ index: 0, delta: { content: "Ahoy" }, finish_reason: "stop" }],
        }),
      ),
    ],
    [
      "with a success told in its last event",
      stream(chunk({ content: "Ahoy" }), event({ code: 0, message: "Success", choices: [] })),
    ],
    [
      "with something behind its end",
      sends(`${chunk({ content: "Ahoy" }, "stop")}data: [DONE]\n\n${chunk({ content: "x" })}`),
    ],
  ])("%s is taken", async (_, script) => {
    expect(await ask(openai, script)).toMatchObject({ isError: false, says: "Ahoy" });
  });

  it("of Anthropic's form that is the whole answer is taken", async () => {
    const whole = {
      type: "message",
      role: "assistant",
      content: [{ type: "text", text: "Ahoy" }],
      stop_reason: "end_turn",
      usage: { input_tokens: 1, output_tokens: 2 },
    };
    const script = sends(JSON.stringify(whole), "application/json");
    expect(await ask(anthropic, script)).toMatchObject({
      says: "Ahoy",
      data: { usage: { output_tokens: 2 } },
    });
  });

  it.each<[string, string, string]>([
    [
      "a block of an unknown kind",
      anthropic.piece("Ahoy"),
      event({ type: "content_block_start", index: 7, content_block: { type: "new", x: 1 } }) +
        event({ type: "content_block_delta", index: 7, delta: { type: "text_delta", text: "x" } }) +
        event({ type: "content_block_stop", index: 7 }) +
        event({ type: "content_block_delta", index: 0, delta: { type: "new_delta" } }) +
        anthropic.piece("Ahoy"),
    ],
    ["no counts", '"usage":{"output_tokens":7}', '"usage":null'],
    ["an id of another kind", '"type":"message",', '"type":"message","id":7,"model":null,'],
    ["a reason of another kind", '"stop_reason":"end_turn"', '"stop_reason":null'],
    [
      "counts of another kind",
      '"usage":{"output_tokens":7}',
      '"usage":{"output_tokens":7,"tier":5}',
    ],
    ["no counts at its beginning", '"usage":{"input_tokens":11,"output_tokens":1}', '"usage":null'],
  ])("of Anthropic's form with %s is taken", async (_, part, other) => {
    const whole = anthropic.begin + anthropic.piece("Ahoy") + anthropic.end(true);
    expect(whole).toContain(part);
    const answer = await ask(anthropic, sends(whole.replace(part, other)));
    expect(answer).toMatchObject({ isError: false, says: "Ahoy" });
  });

  it("of a refusal is the model's text, marked as such", async () => {
    const script = stream(chunk({ refusal: "I cannot." }), chunk({}, "stop"));
    expect(await ask(openai, script)).toMatchObject({ data: { finish_reason: "refusal" } });
  });
});

describe("what an endpoint says", () => {
  const refusal =
    (body: string, type = "application/json"): Script =>
    (response) =>
      void response.writeHead(400, { "content-type": type }).end(body);

  it.each<[string, Script]>([
    ["in vLLM's form", refusal('{"object":"error","message":"Too hot.","code":400}')],
    ["as a text", refusal('{"error":"Too hot."}')],
    ["as details", refusal('{"detail":[{"loc":["body","temperature"],"msg":"Too hot."}]}')],
    ["in a list", refusal('[{"error":{"code":400,"message":"Too hot."}}]')],
    ["as plain text", refusal("Too hot.", "text/plain")],
    ["on a page", refusal("<html><body><h1>Too hot.</h1></body></html>", "text/html")],
    ["with 200", sends('{"error":{"message":"Too hot.","code":400}}', "application/json")],
    ["with 200, of a type in capitals", sends('{"error":"Too hot."}', "Application/JSON")],
    ["with 200, called a stream", sends('{"error":{"message":"Too hot."}}')],
    ["with 200, called text", sends('{"error":"Too hot."}', "text/plain")],
    ["with 200, as plain text", sends("Too hot.", "text/plain")],
    ["with 200, in a line of several", sends('{"status":"loading"}\n{"error":"Too hot."}\n')],
    ["in an event that is no JSON", stream("event: error\ndata: Too hot.\n\n")],
    ["in the stream", sends('data: {"error":"Too hot."}\n\n')],
    [
      "in the stream, behind a piece",
      stream(chunk({ content: "Half" }), event({ error: "Too hot." })),
    ],
    [
      "in the stream, in vLLM's form",
      stream(
        chunk({ content: "Half" }),
        event({ object: "error", message: "Too hot.", type: "BadRequestError", code: 400 }),
      ),
    ],
    ["in the stream, as a message", stream(event({ message: "Too hot." }))],
    ["in the stream, as details", stream(event({ detail: "Too hot." }))],
    ["in the stream, with a code", stream(event({ code: 1301, msg: "Too hot." }))],
    ["in a choice", stream(event({ choices: [{ delta: {}, error: { message: "Too hot." } }] }))],
    [
      "in MiniMax's form",
      stream(event({ choices: null, base_resp: { status_code: 1004, status_msg: "Too hot." } })),
    ],
    ["in the stream, deeper", sends('data: {"error":{"error":{"message":"Too hot."}}}\n\n')],
  ])("%s reaches the caller", async (_, script) => {
    const answer = await ask(openai, script);
    expect(answer).toMatchObject({ isError: true });
    expect(answer.says).toContain("Too hot.");
  });

  it.each<[string, Script]>([
    ["as JSON", sends('{"error":{"message":"Too hot.","code":400}}', "application/json")],
    ["in the stream", stream(event({ error: { message: "Too hot.", code: 529 } }))],
  ])("with 200, %s, is not told with another status", async (_, script) => {
    expect((await ask(openai, script)).says).toMatch(/failed: Too hot\./);
  });
});

it.each<[string, string, RegExp]>([
  ["a web page, called a stream", "\n<!DOCTYPE html><title>Login</title>", /a web page.*model-url/],
  [
    "lines of another form",
    '{"message":{"role":"assistant","content":"Ahoy"}}\n'.repeat(2),
    /JSON/,
  ],
])("%s in place of an answer is an error that says so", async (_, body, said) => {
  const answer = await ask(openai, sends(body));
  expect(answer).toMatchObject({ isError: true });
  expect(answer.says).toMatch(said);
});

describe("a request that is refused", () => {
  const twice = async (model: ModelServer, says: RegExp): Promise<void> => {
    const bodies = model.calls as unknown as Record<string, unknown>[];
    expect(bodies).toHaveLength(3);
    expect(JSON.stringify(bodies[0])).toMatch(says);
    for (const body of bodies.slice(1)) expect(JSON.stringify(body)).not.toMatch(says);
  };

  it.each<[string, number, string, object, RegExp]>([
    ["stream_options", 422, "Extra inputs: stream_options.", {}, /"stream_options"/],
    ["max_tokens", 400, "Use 'max_completion_tokens' instead.", { max_tokens: 9 }, /"max_tokens"/],
  ])(
    "for its %s is sent again without it, and so are later ones",
    async (_, status, said, more, sent) => {
      const { client, model } = await scene(openai, [refuses(status, said)]);
      expect((await client.call("chat", { prompt: "Hi", ...more })).says).toBe("Answer to: Hi");
      expect((await client.call("chat", { prompt: "And?", ...more })).says).toBe("Answer to: And?");
      await twice(model, sent);
    },
  );

  it("for messages out of turn is sent again with messages in turns", async () => {
    const { client, model } = await scene(openai, [
      refuses(400, "Conversation roles must alternate."),
    ]);
    for (const [role, content] of [
      ["assistant", "Welcome"],
      ["user", "One"],
      ["system", "Note"],
    ] as const)
      await client.call("history_append", { role, content });
    expect((await client.call("chat", { prompt: "Hi" })).isError).toBe(false);
    expect(model.calls[0]!.messages.map(({ role }) => role)).toEqual([
      ...["user", "assistant", "user", "system", "user"],
    ]);
    expect(model.calls[1]!.messages.map(({ role, content }) => `${role}: ${content}`)).toEqual([
      "user: (The conversation goes on from here.)",
      "assistant: Welcome",
      "user: One\n\n[system]\nNote\n\nHi",
    ]);
  });

  it("for its model's name is an error with the names that there are", async () => {
    const { client, model } = await scene(openai, [refuses(404, "No such model.")], {
      model: "scripted",
    });
    model.models = ["scripted-1", "other"];
    const { says: text } = await client.call("chat", { prompt: "Hi" });
    expect(text).toMatch(/No such model\. Did you mean scripted-1\?/);
  });
});
