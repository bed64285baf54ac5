// Thoughts in the text of an answer: each dialect's are left out, and an answer that speaks of their tags stays whole.
import { describe, expect, it } from "vitest";
import { AnswerText, withoutThoughts } from "../../src/chat/thoughts.ts";

/** The answer from pieces of one sign each. */
function streamed(text: string): string {
  const answer = new AnswerText();
  for (const sign of text) answer.push(sign);
  return answer.end();
}

const bothOf = (text: string): string[] => [withoutThoughts(text), streamed(text)];

describe("an answer", () => {
  it.each([
    ["Wrap it in <thinking> tags, then answer. The rest matters."],
    ["First the part that matters. Then close with </think> and go on."],
    ["Use ``<think>`` here and more."],
    ["<answer>\n<reasoning>because</reasoning>\n<result>4</result>\n</answer>"],
    ["- item\n\n    ```xml\n    <think>\n    x\n    </think>\n    ```\n- end"],
    ["1. ```xml\n   <think>\n   </think>\n   ```\n2. end"],
    ["```\nhm\n</think>\n```\nmore"],
    ["Take `<think>`:\n<think>x</think>\nand go on."],
    ["Begin with <think>\nend with </think>\nand go on."],
    ["In short:\n<thought>a</thought>\n</reasoning>\nend"],
    ["A list [THINK and a ◁think, a < b"],
    ["  Blanks stay \n"],
    ["Each turn has <|im_end|> at its end."],
  ])("without thoughts stays as it is: %j", (text) => {
    expect(bothOf(text)).toEqual([text, text]);
  });

  it.each([
    ["<think>hm\n\nwell</think>\n\nAhoy"],
    ["\n \n<Think>hm</THINK>\n\nAhoy"],
    ["<think>a</think>Ahoy\n<thinking>b</thinking>"],
    ["<think>a</think>\n<think>b</think>Ahoy"],
    ["<think></think>Ahoy"],
    ["</think>Ahoy"],
    ["hm\nwell\n</think>\n\nAhoy"],
    ["hm </think>  \r\nAhoy"],
    ["<reasoning>hm</reasoning>Ahoy"],
    ["[THINK]hm[/THINK]Ahoy"],
    ["◁think▷hm◁/think▷Ahoy"],
    ["<seed:think>hm</seed:think>Ahoy"],
    ["<|begin_of_thought|>a<|end_of_thought|>\n\n<|begin_of_solution|>Ahoy<|end_of_solution|>"],
    ["<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>Ahoy<|END_RESPONSE|>"],
    [
      "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Ahoy<|return|>",
    ],
    ["<|channel|>final<|message|>Ahoy"],
    ["Ahoy<|im_end|>\n"],
    ["<|channel>thought\nhm<channel|>Ahoy<turn|>"],
    ["<think>a <think>b</think> c</think>Ahoy"],
    ["<think>\n<think>\na\n</think>\nb\n</think>\n\nAhoy"],
    ["<think>I write <think> first</think>Ahoy"],
    ["<think>I will write `</think>` maybe</think>Ahoy"],
    ["<think>```js\nx</think>Ahoy"],
    ["<think>it ends in `code`</think>Ahoy"],
  ])("has none of %j", (text) => {
    expect(bothOf(text)).toEqual(["Ahoy", "Ahoy"]);
  });

  it.each([
    [
      "<think>hm</think>Write `<think>`, or\n```\n<think>x</think>\n```",
      "Write `<think>`, or\n```\n<think>x</think>\n```",
    ],
    ["<think>hm</think>Never\n<think> without an end.", "Never\n<think> without an end."],
    [
      "<think>a <think> b</think>\n\nClose with </think> and go on.",
      "Close with </think> and go on.",
    ],
    ["<think>a</think>\nClose with </think>\nand go on.", "Close with </think>\nand go on."],
    ["<think>a <think> b</think>\nClose </think> and go on.", "Close </think> and go on."],
    ["<think>never ends", ""],
  ])("of %j is %j", (text, own) => {
    expect(bothOf(text)).toEqual([own, own]);
  });

  it("is shown without thoughts while it comes", () => {
    const answer = new AnswerText();
    const shown = new Set<string>();
    for (const sign of "<think>secret</think>\n\nAhoy, all of you out there!") {
      answer.push(sign);
      shown.add(answer.soFar);
    }
    expect([...shown].every((text) => "Ahoy, all of you out there!".startsWith(text))).toBe(true);
    expect(shown).toContain("Ahoy, all of you out there!");
  });

  it.each([
    ["`<think>` and ", "in code"],
    ["<think>", "that begin"],
    ["</think>", "that end"],
    ["a</think> ", "that end nothing"],
    ["\n<think>", "at the beginning of lines"],
    ["```\n<think>\n```\n</think>\n", "in fences"],
    ["`", "that are none"],
    ["<|channel|>", "that are begun"],
    ["<think>a<think>b</think>c</think>", "within each other"],
  ])("with %j, many thousand times, is read once", (part) => {
    const text = part.repeat(1_000_000 / part.length);
    expect(streamed(text)).toBe(withoutThoughts(text));
  });
});
