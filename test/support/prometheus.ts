// The metrics of a server, read as Prometheus reads them.

export interface Scraped {
  status: number;
  type: string | null;
  text: string;
  /** By name and labels: `holdfast_calls_total{tool="chat",outcome="ok"}`, labels in the order of the text. */
  samples: ReadonlyMap<string, number>;
  /** By metric name: `counter`. */
  types: ReadonlyMap<string, string>;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\n"])*",?)*\})? (\S+)$/;
const NUMBER = /^([+-]?(\d+(\.\d+)?|\.\d+)(e[+-]?\d+)?|NaN|[+-]Inf)$/i;

/** @throws Error for a line that is not of the text format */
export async function scrape(url: string, headers: Record<string, string> = {}): Promise<Scraped> {
  const response = await fetch(new URL("/metrics", url), { headers });
  const text = await response.text();
  const [samples, types] = [new Map<string, number>(), new Map<string, string>()];
  for (const line of response.ok ? text.split("\n") : []) {
    if (line === "" || line.startsWith("# HELP ")) continue;
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line);
    if (type) {
      if (types.has(type[1]!)) throw new Error(`Twice: ${line}`);
      types.set(type[1]!, type[2]!);
      continue;
    }
    const [, name, labels = "", value = ""] = SAMPLE.exec(line) ?? [];
    if (name === undefined || !NUMBER.test(value)) throw new Error(`Not a sample: ${line}`);
    if (samples.has(name + labels)) throw new Error(`Twice: ${line}`);
    samples.set(name + labels, Number(value));
  }
  return {
    ...{ status: response.status, type: response.headers.get("content-type") },
    ...{ text, samples, types },
  };
}

/** The growth of each sample of these metrics. */
export function growth(before: Scraped, after: Scraped, name: string): Record<string, number> {
  const grown = [...after.samples]
    .filter(([key]) => key === name || key.startsWith(`${name}{`))
    .map(([key, value]): [string, number] => [
      key.slice(name.length),
      value - (before.samples.get(key) ?? 0),
    ]);
  return Object.fromEntries(grown.filter(([, difference]) => difference > 0));
}
