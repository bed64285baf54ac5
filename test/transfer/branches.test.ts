// Trees of messages with gaps: nothing before a missing message is lost, and the gap is reported.
import { expect, it } from "vitest";
import { chatGpt, claude, claudeMessage, file, node } from "../support/foreign.ts";
import { read } from "../support/shown.ts";
import { appOn, skippedOf } from "../support/transfer.ts";

const GAP = (id: string): string => `conversation 1: message ${id}: it is missing in the file`;

it("ChatGPT: a branch goes on before a message that is missing, and names it", async () => {
  const at = (seconds: number, role = "user") => ({ at: 1_700_000_000 + seconds, role });
  const content = file(
    chatGpt(
      [
        node("root", null, null),
        node("q1", "root", "When is ebb?", at(1)),
        node("a1", "q1", "At six.", at(2, "assistant")),
        node("old", "lost", "First wording", at(4)),
        node("q2", "lost", "And flood?", at(5)),
        node("a2", "q2", "At noon.", at(6, "assistant")),
      ],
      "a2",
    ),
  );
  expect(await read(content)).toEqual([
    ...["# Reef", "user: When is ebb?", "assistant: At six."],
    ...["user: And flood?", "assistant: At noon."],
  ]);
  expect(await skippedOf(await appOn(), content)).toEqual([GAP("lost")]);
});

it("Claude: several gaps and a fork lose nothing that was shown, and a first parent is no gap", async () => {
  const said = (uuid: string, parent: string, sender: string, minute: number): object =>
    claudeMessage(sender, `words ${uuid}`, {
      ...{ uuid, parent_message_uuid: parent, created_at: `2025-03-04T05:0${minute}:00Z` },
    });
  const content = file(
    claude([
      said("1", "beginning", "human", 1),
      said("2", "1", "assistant", 2),
      said("3", "gone", "human", 3),
      said("4", "3", "assistant", 4),
      said("4b", "3", "assistant", 5),
      said("5", "lost", "human", 6),
    ]),
  );
  expect(await read(content)).toEqual([
    ...["# Reef", "user: words 1", "assistant: words 2", "user: words 3"],
    ...["assistant: words 4b", "user: words 5"],
  ]);
  expect(await skippedOf(await appOn(), content)).toEqual([GAP("lost"), GAP("gone")]);
});

it("a question that was edited at the beginning is shown in its last wording, without a gap", async () => {
  const said = (uuid: string, minute: number): object =>
    claudeMessage("human", uuid, {
      ...{ uuid, parent_message_uuid: "beginning", created_at: `2025-03-04T05:0${minute}:00Z` },
    });
  const content = file(claude([said("first", 1), said("second", 2)]));
  expect(await read(content)).toEqual(["# Reef", "user: second"]);
  expect(await skippedOf(await appOn(), content)).toEqual([]);
});
