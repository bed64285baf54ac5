// Elements of markup in a text, `<name …>…</name>`. All are found in one pass: a pattern for what stands between two tags
// begins anew at each of them, which freezes the process for a text of tags alone.

export interface Element {
  name: string;
  attributes: string;
  content: string;
  start: number;
  end: number;
}

interface Tag {
  name: string;
  isOpening: boolean;
  start: number;
  nameEnd: number;
  end: number;
}

/** The outermost elements of these names, in order. An opening that stays open ends at the first end behind it, if any. */
export function elementsIn(text: string, names: RegExp): Element[] {
  const open = new Map<string, Tag[]>();
  const ends = new Map<string, Tag[]>();
  const pairs: (readonly [Tag, Tag])[] = [];
  for (const tag of tagsIn(text, names)) {
    const [opened, closed] = [listIn(open, tag.name), listIn(ends, tag.name)];
    if (tag.isOpening) opened.push(tag);
    else {
      closed.push(tag);
      const first = opened.pop();
      if (first !== undefined) pairs.push([first, tag]);
    }
  }
  for (const [name, left] of open) {
    const closed = ends.get(name)!;
    let next = 0;
    for (const tag of left) {
      while (next < closed.length && closed[next]!.start < tag.end) next += 1;
      if (next < closed.length) pairs.push([tag, closed[next]!]);
    }
  }
  let past = 0;
  return pairs
    .toSorted(([a], [b]) => a.start - b.start)
    .flatMap(([{ name, start, nameEnd, end: from }, { start: to, end }]) => {
      if (start < past) return [];
      past = end;
      const attributes = text.slice(nameEnd, from - 1);
      return [{ name, attributes, content: text.slice(from, to), start, end }];
    });
}

/** `replacement` gives the new text, "" for none, or undefined to leave the element. */
export function replaceElements(
  text: string,
  names: RegExp,
  replacement: (element: Element) => string | undefined,
): string {
  let [done, from] = ["", 0];
  for (const element of elementsIn(text, names)) {
    const words = replacement(element);
    if (words === undefined) continue;
    done += text.slice(from, element.start) + words;
    from = element.end;
    if (words === "") while (/\s/.test(text.charAt(from))) from += 1;
  }
  return done + text.slice(from);
}

/** True where nothing but blanks is before the place in its line: programs write their own elements so. */
export const beginsLine = (text: string, place: number): boolean =>
  /(?:^|\n)[ \t]*$/.test(text.slice(Math.max(0, place - 20), place));

function* tagsIn(text: string, names: RegExp): Generator<Tag> {
  const tag = /<(\/?)([A-Za-z][\w:-]*)(?=[\s/>])/g;
  for (let found = tag.exec(text); found !== null; found = tag.exec(text)) {
    const [, slash, name] = found;
    if (!names.test(name!)) continue;
    const nameEnd = tag.lastIndex;
    const end = text.indexOf(">", nameEnd) + 1;
    if (end === 0) return;
    tag.lastIndex = end;
    yield { name: name!, isOpening: slash === "", start: found.index, nameEnd, end };
  }
}

function listIn(lists: Map<string, Tag[]>, name: string): Tag[] {
  const list = lists.get(name) ?? [];
  lists.set(name, list);
  return list;
}
