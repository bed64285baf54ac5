// A conversation as lines for a terminal.
import { byOther, type Message, type Role } from "../../chat/message.ts";
import { counted } from "../../lib/text/plural.ts";
import type { Session } from "../../sessions/session.ts";
import type { StateEntry } from "../../state/store.ts";
import type { ContentCounts } from "../../transfer/store.ts";
import type { Style } from "../terminal/colours.ts";
import { harmless, oneLine, shortened, wrap, wrapProse } from "../terminal/text.ts";
import { localTime } from "../terminal/times.ts";

export interface Page {
  /** Width in columns. */
  width: number;
  style(text: string, style: Style): string;
}

const SPEAKERS: Record<Role, { name: string; style: Style }> = {
  user: { name: "You", style: ["bold", "cyan"] },
  assistant: { name: "Assistant", style: ["bold", "green"] },
  system: { name: "System", style: ["bold", "yellow"] },
  tool: { name: "Tool", style: ["bold", "magenta"] },
};

const INDENT = "  ";

/** Writes foreign text, made harmless so that it cannot steer the terminal. */
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
    const times = `${counted(messages, "message")}, ${counted(stateKeys, "state key")}, started ${localTime(createdAt)}, last active ${localTime(lastActiveAt)}`;
    return [
      ...this.#wrapped(oneLine(title ?? "") || oneLine(name ?? "") || "untitled", "bold"),
      ...this.#wrapped(facts.filter(Boolean).join(" · "), "dim"),
      ...this.#wrapped(times, "dim"),
      ...(system === null ? [] : ["", ...this.#block("System prompt", harmless(system))]),
      "",
    ];
  }

  message(message: Message, owner: string): string[] {
    const { seq, role, model, status, createdAt, content } = message;
    const { name, style } = SPEAKERS[role];
    const by = byOther(message, owner);
    const speaker = role === "user" && by !== undefined ? "User" : name;
    const notes = [
      `#${seq}`,
      by && oneLine(by),
      localTime(createdAt),
      model && oneLine(model),
      status !== "complete" && status,
    ];
    const note = this.#styled(notes.filter(Boolean).join(" · "), "dim");
    return [
      `${this.#styled(speaker, style)}  ${note}`,
      ...this.#indented(harmless(content).trimEnd()),
      "",
    ];
  }

  left(count: number): string[] {
    const what = counted(count, "earlier message");
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
    return wrapProse(text, this.#page.width - INDENT.length).map((line) =>
      (INDENT + line).trimEnd(),
    );
  }

  #wrapped(text: string, style: Style): string[] {
    return wrap(text, this.#page.width).map((line) => this.#styled(line, style));
  }

  #styled(text: string, style: Style): string {
    return this.#page.style(text, style);
  }
}
