import { HistorySearch } from "../src/chat/history-search.ts";
import { openStorage } from "../src/storage/open.ts";
import { judgedCorpus } from "./search/judged/corpus.ts";
import { storeCorpus } from "./search/judged/figures.ts";
const storage = await openStorage({
  folder: undefined,
  durability: "normal",
  clock: { now: () => Date.now(), monotonic: () => performance.now() },
  expiry: { maxAgeMs: Infinity },
});
const search = new HistorySearch(storage.history);
await storeCorpus(storage, search, judgedCorpus(3000));
for (const q of process.argv.slice(2)) {
  console.log("==", q);
  for (const h of await search.search({ principal: "ana" }, q, 5))
    console.log(h.title, "|", h.snippet);
}
await storage.close();
