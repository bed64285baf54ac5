// Files of forms that cannot be written.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { receive } from "../../src/console/upload.ts";
import { temporaryFolder } from "../support/folder.ts";
import { canMount, ownDisk } from "../support/own-disk.ts";
import { browserAt } from "../support/plain-browser.ts";
import { PROGRAM, startServer } from "../support/process.ts";
import { SOON } from "../support/tasks.ts";
import { sessionFile } from "../support/transfer.ts";

/** The form with a file of so many bytes. */
function formOf(bytes: number): Request {
  const body = new FormData();
  body.set("format", "auto");
  body.set("file", new File(["x".repeat(bytes)], "export.jsonl"));
  return new Request("http://localhost/", { method: "POST", body });
}

it.each([1, 400_000, 4_000_000])(
  "a file of %i bytes is refused where its folder is gone",
  async (bytes) => {
    const path = join(temporaryFolder(), "gone", "file");
    const received = receive(formOf(bytes), {
      maxBytes: 8_000_000,
      place: () => Promise.resolve(path),
    });
    await expect(received).rejects.toMatchObject({
      code: "storage",
      message: expect.stringContaining("ENOENT") as string,
    });
  },
);

describe.runIf(canMount)("on a full disk", () => {
  it("a file is refused with the reason, nothing of it stays, and its sender may send another", async () => {
    const folder = temporaryFolder();
    const program = [...ownDisk(folder, "16m"), ...PROGRAM];
    const server = await startServer({ folder, program });
    const browser = browserAt(server.url);
    const large = await browser.upload("x".repeat(24_000_000));
    expect([large.status, await large.text()]).toEqual([
      400,
      expect.stringContaining("the disk is full (ENOSPC)"),
    ]);
    const uploads = join("/proc", String(server.pid), "root", folder, "uploads");
    expect(readdirSync(uploads)).toEqual([]);
    expect((await browser.upload(sessionFile(2, { name: null }))).status).toBe(303);
    const page = async (): Promise<string> => (await browser.get("/console/import")).text();
    await expect.poll(page, SOON).toContain("Would import 1 session");
  });
});
