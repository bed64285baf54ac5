// Transcripts of coding agents: a person's own words come in whole, and what programs put around them does not.
import { expect, it } from "vitest";
import { read } from "../support/shown.ts";
import { appOn, imported, jsonl } from "../support/transfer.ts";

/** A transcript of Claude Code, each line behind the one before. */
function session(...turns: readonly object[]): string {
  return jsonl(
    ...turns.map((turn, n) => {
      const more = { uuid: `${n}`, parentUuid: n === 0 ? null : `${n - 1}`, sessionId: "s" };
      return { ...more, timestamp: "2026-01-02T03:04:05.000Z", ...turn };
    }),
  );
}
const asked = (content: unknown, more = {}): object => ({
  ...{ type: "user", message: { role: "user", content }, ...more },
});
const answered = (text: string, more = {}): object => ({
  ...{ type: "assistant", message: { content: [{ type: "text", text }], ...more } },
});

it("Claude Code: a command with words behind it is a prompt; the program's own commands are none", async () => {
  const own =
    "<command-message>tides</command-message>\n<command-name>/tides</command-name>\n<command-args></command-args>";
  const named = "<command-name>/model</command-name>\n<command-message>model</command-message>";
  const given = `${named.replaceAll("model", "review")}\n<command-args>the parser</command-args>`;
  expect(await read(session(asked(own), asked(named), asked(given)))).toEqual([
    ...["# /tides", "user: /tides", "user: /review the parser"],
  ]);
});

it("Claude Code: a prompt that waited comes in; what the program says in a person's place does not", async () => {
  const waited = (prompt: string, commandMode: string): object => ({
    type: "attachment",
    attachment: { type: "queued_command", prompt, commandMode },
  });
  const told = await read(
    session(
      asked("Sail"),
      asked("<bash-input>ls</bash-input>"),
      asked("<bash-stdout>a</bash-stdout><bash-stderr></bash-stderr>"),
      waited("And then?", "prompt"),
      waited("<task-notification>x</task-notification>", "task-notification"),
      asked("<task-notification>\n<status>done</status>\n</task-notification>"),
      asked('<teammate-message teammate_id="a">done</teammate-message>'),
      asked([{ type: "text", text: "[Request interrupted by user for tool use]" }]),
      answered("API Error: 529", { model: "<synthetic>" }),
      answered("Home."),
    ),
  );
  expect(told).toEqual(["# Sail", "user: Sail", "user: And then?", "assistant: Home."]);
});

it("a person's own tags stay, whatever a program calls its own", async () => {
  const text = "Explain:\n<rules>\n<system-x>a</system-x>\n</rules>\n<bash-input>ls</bash-input>";
  const reminder = "<system-reminder>\nx\n</system-reminder>";
  expect(await read(session(asked(`${reminder}\n${text}\n${reminder}`)))).toEqual([
    expect.stringMatching(/^# Explain/),
    `user: ${text}`,
  ]);
});

it("Claude Code: of first prompts the last counts, with lines of the program between", async () => {
  const told = await read(
    session(
      asked("Rewound"),
      { type: "progress", uuid: "p" },
      { ...answered("Never mind"), parentUuid: "p" },
      asked("Sail", { parentUuid: null }),
      answered("Ready."),
    ),
  );
  expect(told).toEqual(["# Sail", "user: Sail", "assistant: Ready."]);
});

it("Claude Code: lines without parents are all shown", async () => {
  const told = await read(
    session(asked("One", { parentUuid: undefined }), asked("Two", { parentUuid: undefined })),
  );
  expect(told).toEqual(["# One", "user: One", "user: Two"]);
});

it("Claude Code: a transcript that begins with many other lines is known", async () => {
  const snapshot = { type: "file-history-snapshot", messageId: "m", snapshot: {} };
  const begin = Array.from({ length: 60 }, () => snapshot);
  expect(await read(`${jsonl(...begin)}${session(asked("Sail"))}`)).toEqual([
    "# Sail",
    "user: Sail",
  ]);
});

const codexLine = (type: string, payload: object): object => ({
  ...{ timestamp: "2026-01-02T03:04:05.000Z", type, payload },
});
const codexSays = (role: string, ...content: object[]): object =>
  codexLine("response_item", { type: "message", role, content });
const text = (words: string): object => ({ type: "input_text", text: words });
const meta = (more = {}): object => codexLine("session_meta", { id: "x", ...more });

it("Codex: pictures and the request behind an editor's context come in, the program's words do not", async () => {
  const told = await read(
    jsonl(
      meta(),
      codexSays("user", text("# AGENTS.md instructions for /a\n\n<INSTRUCTIONS>b</INSTRUCTIONS>")),
      ...["user_shell_command", "skill", "subagent_notification", "turn_aborted"].map((name) =>
        codexSays("user", text(`<${name}>\nx\n</${name}>`)),
      ),
      codexSays(
        "user",
        text("# Context from my IDE setup:\n\n## Open: a.ts\n\n## My request for Codex:\nSail\n"),
      ),
      codexSays("user", text("<image name=[Image #1]>"), { type: "input_image" }, text("</image>")),
      codexSays("assistant", { type: "output_text", text: "A <skill>x</skill>" }),
      codexSays("user", text("Why <skill>x</skill>?")),
    ),
  );
  expect(told).toEqual([
    ...["# Sail", "user: Sail", "user: [image]", "assistant: A <skill>x</skill>"],
    "user: Why <skill>x</skill>?",
  ]);
});

it("Codex: prompts that were taken back are left out, with their answers", async () => {
  const turn = (name: string): object[] => [
    codexSays("user", text(name)),
    codexSays("assistant", text(`${name}, done`)),
  ];
  const back = codexLine("event_msg", { type: "thread_rolled_back", num_turns: 2 });
  const told = await read(jsonl(meta(), ...["One", "Two", "Three"].flatMap(turn), back));
  expect(told).toEqual(["# One", "user: One", "assistant: One, done"]);
});

it("Codex: events alone name their pictures, and a subagent's transcript is no session", async () => {
  const said = codexLine("event_msg", { type: "user_message", message: "", images: ["data:"] });
  expect(await read(jsonl(meta(), said))).toEqual(["# [image]", "user: [image]"]);
  const subagent = meta({ source: { subagent: "review" } });
  const app = await appOn();
  expect(await imported(app, jsonl(subagent, codexSays("user", text("Review"))))).toEqual([]);
});

it("Cursor: the person's words are those of the query, with tags of their own", async () => {
  const prompt = (words: string): object => ({ role: "user", message: { content: [text(words)] } });
  const told = await read(
    jsonl(
      prompt("<user_info>\nx\n</user_info>\n<rules>y</rules>"),
      prompt(
        "<timestamp>now</timestamp>\n<user_query>\nSee <rules>a</rules>\n</user_query>\n<system_reminder>z</system_reminder>",
      ),
      prompt("<open_and_recently_viewed_files>\nz\n</open_and_recently_viewed_files>\nSail"),
    ),
  );
  expect(told.slice(1)).toEqual(["user: See <rules>a</rules>", "user: Sail"]);
});
