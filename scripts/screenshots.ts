// `npm run screenshots`: writes the pictures of the console in docs/, with conversations that are made for them.
import { join } from "node:path";
import { chromium } from "playwright-core";
import { createHoldfast } from "../src/index.ts";

const DOCS = join(import.meta.dirname, "../docs");
const CODE = `Sort by the second field:

\`\`\`python
rows = [("beans", 2), ("kelp", 1)]
print(sorted(rows, key=lambda row: row[1]))
\`\`\`
`;
/** Messages by the title of their conversation. */
const TALKS: Record<string, [role: string, content: string][]> = {
  "The garden": [
    ["user", "The tomatoes need water on Tuesdays."],
    ["assistant", "Noted. I will remind you before the weekend, too."],
  ],
  Release: [["user", "We release on Friday, after the tests have passed twice."]],
  "Sorting in Python": [
    ["user", "How do I sort rows by their rank?"],
    ["assistant", CODE],
    ["user", "And the other way round?"],
    ["assistant", "Add `reverse=True` to the call."],
  ],
};

const holdfast = createHoldfast({ config: { ephemeral: true, port: 0 }, env: {} });
const running = await holdfast.run("http");
const browser = await chromium.launch({
  executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
try {
  for (const [title, messages] of Object.entries(TALKS)) {
    const client = running.app.client({ name: title.toLowerCase().replaceAll(" ", "-") });
    for (const [role, content] of messages) await client.call("history_append", { role, content });
    await client.call("session_update", { title });
    await client.call("state_set", { key: "language", value: "English" });
  }
  const page = await browser.newPage({
    ...{ viewport: { width: 1100, height: 640 }, colorScheme: "light", deviceScaleFactor: 1.5 },
  });
  const home = new URL("/console", running.url);
  const picture = async (name: string): Promise<void> => {
    await page.screenshot({ path: join(DOCS, `console-${name}.png`) });
  };
  await page.goto(`${home.href}/sessions`);
  await picture("sessions");
  await page.getByRole("link", { name: "Sorting in Python" }).click();
  await page.getByText("language", { exact: true }).click();
  await picture("session");
  await page.goto(`${home.href}/connect`);
  await picture("connect");
} finally {
  await browser.close();
  await running.stop();
}
