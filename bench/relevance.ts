// How well search finds: Holdfast beside the baselines over the judged set (test/search/judged). The figures do not depend on
// the machine.
import { markdownTable } from "markdown-table";
import { HistorySearch } from "../src/chat/history-search.ts";
import { systemClock } from "../src/lib/clock.ts";
import { openStorage } from "../src/storage/open.ts";
import { judgedCorpus } from "../test/search/judged/corpus.ts";
import { type FiguresByKind, figuresOf, storeCorpus } from "../test/search/judged/figures.ts";
import { baselines } from "./baselines.ts";
import type { Row } from "./row.ts";

const DISTRACTORS = Number(process.env["DISTRACTORS"] ?? 30_000);
const WANTED = 0.85;
const OURS = "Holdfast";

export async function* measureRelevance(): AsyncGenerator<Row> {
  const corpus = judgedCorpus(DISTRACTORS);
  const figures = new Map<string, FiguresByKind>([[OURS, await oursOf(corpus)]]);
  for (const [name, search] of baselines(corpus))
    figures.set(name, await figuresOf(corpus.queries, search));
  console.log(`\n${tableOf(figures)}`);
  for (const kind of figures.get(OURS)!.keys()) {
    yield rowOf(figures, kind, "recall");
    yield rowOf(figures, kind, kind === "phrase" ? "precision" : "mrr");
  }
}

async function oursOf(corpus: ReturnType<typeof judgedCorpus>): Promise<FiguresByKind> {
  const storage = await openStorage({
    ...{ folder: undefined, durability: "normal", clock: systemClock },
    expiry: { maxAgeMs: Infinity },
  });
  try {
    const search = await storeCorpus(
      storage,
      new HistorySearch(storage.history, storage.state),
      corpus,
    );
    const misses = process.env["MISSES"] !== undefined;
    return await figuresOf(corpus.queries, search, (query, found) => {
      if (misses) console.error(query.kind, query.language, query.query, query.relevant, found);
    });
  } finally {
    await storage.close();
  }
}

const NAMES = { recall: "recall@10", mrr: "MRR", precision: "P@10" } as const;

function rowOf(figures: Map<string, FiguresByKind>, kind: string, name: keyof typeof NAMES): Row {
  const [ours, ...theirs] = [...figures.values()].map((one) => one.get(kind)![name]);
  const best = Math.max(...theirs);
  return {
    ...{ what: `${kind}: ${NAMES[name]}`, ours: ours!, theirs: best, unit: "", figure: ours! },
    reach: { atLeast: kind === "all" ? Math.max(best, WANTED) : best },
  };
}

/** Recall@10 and MRR of each side, and P@10 for phrases. */
function tableOf(figures: Map<string, FiguresByKind>): string {
  const kinds = figures.get(OURS)!;
  const lines = [...kinds.keys()].map((kind) => [
    `${kind} (${kinds.get(kind)!.queries})`,
    ...[...figures.values()].map((one) => {
      const { recall, mrr, precision } = one.get(kind)!;
      const shown = kind === "phrase" ? [recall, mrr, precision] : [recall, mrr];
      return shown.map((figure) => figure.toFixed(2)).join(" / ");
    }),
  ]);
  return markdownTable([["kind", ...figures.keys()], ...lines]);
}
