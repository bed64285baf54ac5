// Times for people: in the local time zone to the minute, or relative to now. Programs get ISO 8601 in UTC (--json).
import ms from "ms";

const MINUTE = 60_000;

/** `2026-11-22 07:05` */
export function localTime(at: number): string {
  const date = new Date(at);
  const two = (part: number): string => String(part).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** Replace every ISO time in the text by its `localTime`. */
export const inLocalTimes = (text: string): string =>
  text.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (iso) => localTime(Date.parse(iso)));

/** `3 h ago`, `just now`; in the future `in 29 d`. */
export function relativeTime(at: number, now: number): string {
  const apart = Math.abs(at - now);
  if (apart < MINUTE) return at > now ? "in a moment" : "just now";
  const length = ms(apart).replace(/(\d)([a-z])/, "$1 $2");
  return at > now ? `in ${length}` : `${length} ago`;
}
