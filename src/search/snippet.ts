// The part of a text that shows best why it was found, with the matches between `**`.
import type { Match, Matcher } from "./matches.ts";

/** Length in characters, without the marks. */
const LENGTH = 240;
/** Characters before the first match. */
const LEAD = 60;
/** Characters that a cut may move to fall between words. */
const SLACK = 20;
/** Maximum number of marked matches; more are unreadable. */
const MAX_MARKS = 12;
/** Maximum number of combining marks that stay with their character. */
const MAX_MARKS_OF_ONE = 32;
/** Maximum number of matches that compete for the best part. */
const MAX_MATCHES = 50;
const MAX_LOOKED_THROUGH = 100_000; // characters

/** One line of at most about 300 characters; without any match, the beginning of the text. */
export function snippet(text: string, matcher: Pick<Matcher, "find">): string {
  const matches = matcher.find(text.slice(0, MAX_LOOKED_THROUGH)).take(MAX_MATCHES).toArray();
  const first = best(matches);
  const from = text.length <= LENGTH ? 0 : startOf(text, Math.max(0, (first?.start ?? 0) - LEAD));
  const to = Math.min(text.length, whole(text, from + LENGTH));
  const end = to < text.length ? endOf(text, to) : to;
  const shown = highlighted(text, matches, from, end).replace(/\s+/g, " ").trim();
  return `${from > 0 ? "…" : ""}${shown}${end < text.length ? "…" : ""}`;
}

/** The match that begins the part with the most different terms. */
function best(matches: readonly Match[]): Match | undefined {
  const near = (from: Match): number =>
    new Set(
      matches
        .filter(({ start, end }) => start >= from.start && end <= from.start + LENGTH - LEAD)
        .map(({ term }) => term),
    ).size;
  const counts = matches.map(near);
  return matches[counts.indexOf(Math.max(...counts))];
}

function highlighted(text: string, matches: readonly Match[], from: number, to: number): string {
  let [result, at] = ["", from];
  const visible = merged(matches).filter(([start, end]) => end > from && start < to);
  for (const [start, end] of visible.slice(0, MAX_MARKS)) {
    const [open, close] = [Math.max(start, from), Math.min(end, to)];
    result += `${text.slice(at, open)}**${text.slice(open, close)}**`;
    at = close;
  }
  return result + text.slice(at, to);
}

/** Spans of matches; matches that touch or overlap become one. */
function merged(matches: readonly Match[]): [start: number, end: number][] {
  const spans: [number, number][] = [];
  for (const { start, end } of matches.toSorted((a, b) => a.start - b.start)) {
    const last = spans.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else spans.push([start, end]);
  }
  return spans;
}

/** The position behind the next space, if one is near. */
function startOf(text: string, at: number): number {
  if (at === 0) return 0;
  const space = text.slice(at, at + SLACK).search(/\s/);
  return space === -1 ? whole(text, at) : at + space + 1;
}

/** The position before the last space, if one is near. */
function endOf(text: string, at: number): number {
  const space = /\s\S*$/.exec(text.slice(at - SLACK, at))?.index;
  return space === undefined ? at : at - SLACK + space;
}

/** The same position, or an earlier one that does not cut a character in two. */
function whole(text: string, at: number): number {
  let place = at;
  while (
    place > 0 &&
    at - place < MAX_MARKS_OF_ONE &&
    place < text.length &&
    /^[\uDC00-\uDFFF\p{M}]/v.test(text.slice(place, place + 2))
  )
    place -= 1;
  return place;
}
