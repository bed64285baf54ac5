// Google's "My Activity" as a web page, which is the form that Takeout has unless JSON is chosen.
import { join } from "node:path";
import { expect, it } from "vitest";
import { stampOf } from "../../src/transfer/input/stamps.ts";
import { folderOf } from "../support/folder.ts";
import { read } from "../support/shown.ts";
import { appOn, imported, skippedOf, takenFrom } from "../support/transfer.ts";
import { zip } from "../support/zip.ts";

const cell = (body: string, product = "Gemini Apps"): string =>
  '<div class="outer-cell mdl-cell mdl-cell--12-col mdl-shadow--2dp"><div class="mdl-grid">' +
  `<div class="header-cell mdl-cell mdl-cell--12-col"><p class="mdl-typography--title">${product}<br></p></div>` +
  `<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1">${body}</div>` +
  '<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1 mdl-typography--text-right"></div>' +
  '<div class="content-cell mdl-cell mdl-cell--12-col mdl-typography--caption"><b>Products:</b><br>&emsp;Gemini</div>' +
  "</div></div>";
const page = (...cells: string[]): string =>
  `<html><head><title>My Activity</title><style>${".a{}".repeat(30_000)}</style></head>` +
  `<body><div class="mdl-grid">${cells.join("")}</div></body></html>`;

const AT = "Sep 1, 2025, 10:00:00\u202fAM UTC";

it("questions, answers, files and canvases of a day become a session, the oldest first", async () => {
  const content = page(
    cell(`Created Gemini Canvas titled&nbsp;Log<br>calm<br>Sep 1, 2025, 11:00:00 AM UTC<br>`),
    cell(
      `Prompted&nbsp;Is 5 &lt; 6 &amp; so?<br>Or not?<br>1 attached file.<br>-  <a href="p-1.png">pier.png</a><br>${AT}<br>` +
        "<p>It <strong>is</strong>:</p><div><ul><li>yes</li></ul></div>",
    ),
    cell(`Used Gemini Apps<br>${AT}<br>`),
    cell("Searched for&nbsp;tides<br>Aug 1, 2025, 10:00:00 AM UTC<br>", "Search"),
  );
  expect(await read(content)).toEqual([
    "# Gemini, 2025-09-01",
    "user: Is 5 < 6 & so?\nOr not?\n\n[file: pier.png]",
    "assistant: It **is**:\n\n-   yes",
    "assistant: [Log]\n\ncalm",
  ]);
});

it("questions of any language are known, and an activity without a time is told", async () => {
  const content = page(
    cell(
      "Poslali ste poziv:\u00a0Kdaj?<br>1. sep. 2025, 12:00:00 CEST<br><p>Ob 6h.</p>",
      "Aplikacije Gemini",
    ),
    cell("Prompted&nbsp;When?<br>some day<br><p>x</p>"),
  );
  expect(await read(content)).toEqual([
    ...["# Gemini, 2025-09-01", "user: Kdaj?", "assistant: Ob 6h."],
  ]);
  expect(await skippedOf(await appOn(), content)).toEqual(["conversation 2: has no time"]);
});

it.each([
  ["Sep 1, 2025, 10:00:00\u202fPM EDT", "2025-09-02T02:00:00.000Z"],
  ["Sep 1, 2025, 12:00:00 AM UTC", "2025-09-01T00:00:00.000Z"],
  ["01.09.2025, 12:00:00 MESZ", "2025-09-01T10:00:00.000Z"],
  ["1 sept. 2025, 12:00:00 CEST", "2025-09-01T10:00:00.000Z"],
  ["1. sep. 2025, 12:00:00 CEST", "2025-09-01T10:00:00.000Z"],
  ["1 вер. 2025 р., 12:00:00 EEST", "2025-09-01T09:00:00.000Z"],
  ["1 de set. de 2025, 12:00:00 BRT", "2025-09-01T15:00:00.000Z"],
  ["40 Sep 2025, 12:00:00 UTC", null],
  ["We sail on Sep 1, 2025, 10:00:00", null],
  ["2025/09/01 12:00:00 JST", "2025-09-01T03:00:00.000Z"],
  ["2025. 9. 1. 오후 1:00:00 GMT+9", "2025-09-01T04:00:00.000Z"],
  ["1 Sept 2025, 12:00:00 GMT+05:30", "2025-09-01T06:30:00.000Z"],
  ["At 10:00:00 on Sep 1, 2025 we sail", null],
  ["We sail on Sep 1, 2025, 10:00:00 sharp at the pier", null],
])("the time %s is read as %s", (text, at) => {
  const ms = stampOf(text);
  expect(ms === null ? null : new Date(ms).toISOString()).toBe(at);
});

it("a Takeout as downloaded comes in without pages of other products, and no web page is a fault in it", async () => {
  const archive = zip({
    "Takeout/My Activity/Gemini Apps/MyActivity.html": page(cell(`Prompted&nbsp;a<br>${AT}<br>`)),
    "Takeout/My Activity/Search/MyActivity.html": page(
      cell(`Searched for&nbsp;b<br>${AT}<br>`, "Search"),
    ),
    "Takeout/archive_browser.html": "<!DOCTYPE html><html><body>Takeout</body></html>",
  });
  const folder = folderOf({ "takeout.zip": archive, "index.html": "<html></html>" });
  expect(await takenFrom([folder])).toEqual({ texts: ["a"], skipped: [] });
  await expect(imported(await appOn(), "<html><body>x</body></html>")).rejects.toThrow(
    /a web page/,
  );
});

it("of a page that is cut off, the activities before come in", async () => {
  const whole = page(cell(`Prompted&nbsp;a<br>${AT}<br>`), cell(`Prompted&nbsp;b<br>${AT}<br>`));
  const path = join(folderOf({ "a.html": whole.slice(0, -200) }), "a.html");
  const { texts, skipped } = await takenFrom([path]);
  expect(texts).toEqual(["a"]);
  expect(skipped).toEqual(["conversation 2: is cut off: the file ends in it"]);
});
