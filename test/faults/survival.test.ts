// The main promise: a conversation survives SIGKILL and its client need not notice.
import { expect, it } from "vitest";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { surviveKill } from "../support/story.ts";

for (const version of ["v1", "v2"] as const) {
  it(`a session made by the ${version} client goes on after SIGKILL with no new handshake`, async () => {
    const folder = temporaryFolder();
    await surviveKill(version, folder);
    const database = openDatabase(folder);
    expect(database.prepare("SELECT count(*) FROM clients").pluck().get()).toBe(1);
    expect(database.prepare("SELECT log_level FROM clients").pluck().get()).toBe("error");
  });
}
