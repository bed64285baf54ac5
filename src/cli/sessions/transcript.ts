// A conversation as lines for a terminal.
import { styleText } from "node:util";
import type { Message, Role } from "../../chat/message.ts";
import type { Session } from "../../sessions/session.ts";
import type { StateEntry } from "../../state/store.ts";
import type { ContentCounts } from "../../transfer/store.ts";
import { localTime } from "./list.ts";
import { harmless, oneLine, shortened, wrap } from "./text.ts";

export interface Page {
  /** Columns. */
  width: number;
  colours: boolean;
}

type Style = Parameters<typeof styleText>[0];

const SPEAKERS: Record<Role, { name: string; style: Style }> = {
  user: { name: "You", style: ["bold", "cyan"] },
  assistant: { name: "Assistant", style: ["bold", "green"] },
  system: { name: "System", style: ["bold", "yellow"] },
  tool: { name: "Tool", style: ["bold", "magenta"] },
};

const INDENT = "  ";

/** Everything that is written comes from others, and may not steer the terminal. */
export class Transcript {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  heading(session: Session, { messages, stateKeys }: ContentCounts): string[] {
    const { id, name, title, owner, system, pinned, createdAt, lastActiveAt } = session;
    const facts = [
      name !== null && title !== null && oneLine(name),
      id,
      owner !== "local" && `of ${oneLine(owner)}`,
      pinned && "pinned",
    ];
    const times = `${count(messages, "message")}, ${count(stateKeys, "state key")}, started ${localTime(createdAt)}, last active ${localTime(lastActiveAt)}`;
    return [
      ...this.#wrapped(oneLine(title ?? name ?? "A session without a title"), "bold"),
      ...this.#wrapped(facts.filter(Boolean).join(" · "), "dim"),
      ...this.#wrapped(times, "dim"),
      ...(system === null ? [] : ["", ...this.#block("System prompt", harmless(system))]),
      "",
    ];
  }

  message({ seq, role, model, status, createdAt, content }: Message): string[] {
    const { name, style } = SPEAKERS[role];
    const notes = [
      `#${seq}`,
      localTime(createdAt),
      model && oneLine(model),
      status !== "complete" && status,
    ];
    const note = this.#styled(notes.filter(Boolean).join(" · "), "dim");
    return [
      `${this.#styled(name, style)}  ${note}`,
      ...this.#indented(harmless(content).trimEnd()),
      "",
    ];
  }

  left(count: number): string[] {
    const what = count === 1 ? "one earlier message" : `${count} earlier messages`;
    return count === 0 ? [] : [this.#styled(`(${what})`, "dim"), ""];
  }

  state(entries: readonly StateEntry[]): string[] {
    if (entries.length === 0) return [];
    const lines = entries.map(({ key, value, version }) => {
      const line = `${INDENT}${oneLine(key)} = ${oneLine(value)}`;
      return `${shortened(line, this.#page.width - 8)}  ${this.#styled(`v${version}`, "dim")}`;
    });
    return [this.#styled("State", "bold"), ...lines, ""];
  }

  #block(title: string, text: string): string[] {
    return [this.#styled(title, "bold"), ...this.#indented(text.trimEnd())];
  }

  #indented(text: string): string[] {
    return wrap(text, this.#page.width - INDENT.length).map((line) => (INDENT + line).trimEnd());
  }

  #wrapped(text: string, style: Style): string[] {
    return wrap(text, this.#page.width).map((line) => this.#styled(line, style));
  }

  #styled(text: string, style: Style): string {
    return this.#page.colours ? styleText(style, text, { validateStream: false }) : text;
  }
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
