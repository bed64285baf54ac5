// Times as Google's Takeout prints them: in the language of the account, with the short name of a time zone.

/** Hours before UTC, or behind it. Other zones count as UTC. */
const ZONES: Readonly<Record<string, number>> = {
  ...{ PST: -8, PDT: -7, MST: -7, MDT: -6, CST: -6, CDT: -5, EST: -5, EDT: -4, BRT: -3 },
  ...{ BST: 1, CET: 1, MEZ: 1, CEST: 2, MESZ: 2, EET: 2, EEST: 3, MSK: 3, IST: 5.5 },
  ...{ SGT: 8, JST: 9, KST: 9, AEST: 10, AEDT: 11, NZST: 12, NZDT: 13 },
};

const LANGUAGES = [
  ...["en", "de", "fr", "es", "it", "pt", "nl", "pl", "cs", "sk", "sl", "hr", "hu", "ro", "sv"],
  ...["da", "nb", "fi", "et", "lv", "lt", "tr", "el", "ru", "uk", "bg", "id", "vi", "ca"],
] as const;

const TIME = /(\d{1,2}):(\d{2}):(\d{2})\s*([ap]\.?\s?m\.?)?/i;
const AFTERNOON = /\u5348\u5f8c|\u4e0b\u5348|\uc624\ud6c4/;

/** Milliseconds since 1970; null for any text that is not a time alone. */
export function stampOf(text: string): number | null {
  const stamp = text.replace(/[\s\u200e\u200f]+/g, " ").trim();
  const time = stamp.length > 60 ? null : TIME.exec(stamp);
  const date = time === null ? null : dateIn(stamp.slice(0, time.index));
  if (time === null || date === null) return null;
  const [, hours, minutes, seconds, half] = time;
  const offset = offsetIn(stamp.slice(time.index + time[0].length));
  if (offset === null) return null;
  const isAfternoon = /p/i.test(half ?? "") || AFTERNOON.test(stamp);
  const is12 = half !== undefined || AFTERNOON.test(stamp);
  const hour = is12 ? (Number(hours) % 12) + (isAfternoon ? 12 : 0) : Number(hours);
  const [year, month, day] = date;
  return Date.UTC(year, month, day, hour, Number(minutes), Number(seconds)) - offset * 3_600_000;
}

/** Longest word beside the month's name, such as Spanish "de". */
const MAX_WORD = 3;

/** Year, month from 0, and day. */
function dateIn(text: string): [number, number, number] | null {
  const numbers = text.match(/\d+/g)?.map(Number) ?? [];
  const words = text.toLowerCase().match(/\p{L}[\p{L}\p{M}]*/gu) ?? [];
  const named = words.find((word) => months().has(word));
  if (words.some((word) => word !== named && word.length > MAX_WORD)) return null;
  const year = numbers.find((number) => number > 1_900);
  const others = numbers.filter((number) => number !== year);
  if (year === undefined || others.length !== (named === undefined ? 2 : 1)) return null;
  const [first = 0, second = 0] = others;
  const isYearFirst = numbers[0] === year;
  const month = named === undefined ? (isYearFirst ? first : second) - 1 : months().get(named)!;
  const day = named === undefined && isYearFirst ? second : first;
  return month >= 0 && month < 12 && day >= 1 && day <= 31 ? [year, month, day] : null;
}

/** Hours of a zone's name: `CEST`, `GMT+2`. Null for what is no name. */
function offsetIn(text: string): number | null {
  const zone = text.trim();
  if (!/^(?:\p{L}{1,5})?(?:[+\u2212-]\d{1,2}(?::?\d{2})?)?$/u.test(zone)) return null;
  const [, sign, hours, minutes = "0"] = /([+\u2212-])(\d{1,2}):?(\d{2})?$/.exec(zone) ?? [];
  if (hours === undefined) return ZONES[zone.toUpperCase()] ?? 0;
  return (sign === "+" ? 1 : -1) * (Number(hours) + Number(minutes) / 60);
}

let known: ReadonlyMap<string, number> | undefined;

/** The months from 0 by their names. */
function months(): ReadonlyMap<string, number> {
  if (known !== undefined) return known;
  const names = new Map<string, number>();
  for (const language of LANGUAGES)
    for (const options of [{ month: "short" }, { day: "numeric", month: "short" }] as const) {
      const format = new Intl.DateTimeFormat(language, { ...options, timeZone: "UTC" });
      for (let month = 11; month >= 0; month -= 1) {
        const parts = format.formatToParts(Date.UTC(2025, month, 1));
        const name = parts.find(({ type }) => type === "month")?.value.toLowerCase();
        if (name !== undefined && !/\d/.test(name)) names.set(name.replace(/\.$/, ""), month);
      }
    }
  return (known = names);
}
