// A socket that outlives the server: systemd opens it, and whoever connects during a restart waits instead of failing.
import { describe, expect, it } from "vitest";
import { inheritedSocket } from "../../src/http/listen.ts";
import { temporaryFolder } from "../support/folder.ts";
import { PROGRAM } from "../support/process.ts";
import { missing } from "../support/proxy.ts";
import { introduce } from "../support/raw.ts";
import { holdSocket } from "../support/socket-holder.ts";

const skipped = missing("perl");
const serve = (): string[] => [...PROGRAM, "serve", "--data-dir", temporaryFolder()];

describe("a server that is handed a socket", () => {
  it.skipIf(skipped)(`refuses nobody while it is killed and started again${skipped}`, async () => {
    const socket = await holdSocket(serve());
    const first = await socket.start();
    const [, url] = await socket.printed(/listens on (\S+)\n/);
    expect(url).toBe(`http://127.0.0.1:${socket.port}/mcp`);
    const client = await introduce(url!);
    await client.call("state_set", { key: "k", value: "kept" });
    process.kill(first, "SIGKILL");
    await socket.printed(/ended \d+ with/);
    const asked = client.call("state_get", { key: "k" }); // nobody is there to take it
    await socket.start();
    expect(await asked).toMatchObject({ data: { value: "kept" } });
  });

  it.skipIf(skipped)(
    `does not serve one that others reach without credentials${skipped}`,
    async () => {
      const socket = await holdSocket(serve(), { address: "0.0.0.0" });
      await socket.start();
      await socket.printed(/Others can reach 0\.0\.0\.0/);
      expect((await socket.printed(/ended \d+ with (\d+)/))[1]).not.toBe("0");
    },
  );

  it("takes no socket that is another process's, and one at most", () => {
    expect(inheritedSocket({}, 7)).toBeUndefined();
    expect(inheritedSocket({ LISTEN_PID: "6", LISTEN_FDS: "1" }, 7)).toBeUndefined();
    expect(inheritedSocket({ LISTEN_PID: "7", LISTEN_FDS: "1" }, 7)).toBe(3);
    expect(() => inheritedSocket({ LISTEN_PID: "7", LISTEN_FDS: "2" }, 7)).toThrow(
      /2 sockets were handed over/,
    );
  });
});
