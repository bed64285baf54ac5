// A log whose reader stops reading: it holds up nobody, and says what is missing.
import { execFileSync, spawn } from "node:child_process";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { LineOutput } from "../../src/telemetry/line-output.ts";
import { temporaryFolder } from "../support/folder.ts";
import { cleanEnv, PROGRAM } from "../support/process.ts";

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const LINE = `${"x".repeat(1_023)}\n`;

/** An output to a pipe, and what a reader finds in it. */
function open() {
  const pipe = join(temporaryFolder(), "pipe");
  execFileSync("mkfifo", [pipe]);
  const reader = openSync(pipe, O_RDONLY | O_NONBLOCK);
  const writer = openSync(pipe, O_WRONLY | O_NONBLOCK);
  let isOpen = true;
  const closeReader = (): void => {
    if (isOpen) closeSync(reader);
    isOpen = false;
  };
  onTestFinished(() => {
    closeReader();
    closeSync(writer);
  });
  const told = { dropped: 0, resumed: [] as number[] };
  const output = new LineOutput(writer, {
    onDrop: () => (told.dropped += 1),
    onResume: (dropped) => told.resumed.push(dropped),
  });
  const read = (): string => {
    const buffer = Buffer.alloc(1 << 20);
    try {
      return buffer.toString("utf8", 0, readSync(reader, buffer));
    } catch {
      return ""; // nothing is there
    }
  };
  return { output, told, read, closeReader };
}

describe("a log", () => {
  it("is written when the call returns, while its reader keeps up", () => {
    const { output, read, told } = open();
    output.write("one\n");
    output.write("two ü\n");
    expect(read()).toBe("one\ntwo ü\n");
    expect(told).toEqual({ dropped: 0, resumed: [] });
  });

  it("that nobody reads keeps what it may, drops the rest, and tells how much when it flows again", async () => {
    const { output, read, told } = open();
    for (let n = 0; n < 1_000; n += 1) output.write(LINE);
    expect(told.dropped).toBeGreaterThan(500);
    let text = "";
    await expect
      .poll(() => {
        text += read();
        return told.resumed;
      })
      .toEqual([told.dropped]);
    text += read();
    expect(text).toBe(LINE.repeat(1_000 - told.dropped)); // whole lines
    output.write("again\n");
    expect(read()).toBe("again\n");
  });

  it("whose reader comes while it is flushed loses nothing of what waits", async () => {
    const { output, read, told } = open();
    for (let n = 0; n < 200; n += 1) output.write(LINE);
    let text = "";
    const flushed = output.flush();
    await expect.poll(() => (text += read()).length).toBe(200 * LINE.length);
    await flushed;
    expect(told.dropped).toBe(0);
  });

  it("whose reader has gone is no failure", () => {
    const { output, told, closeReader } = open();
    closeReader();
    output.write(LINE);
    expect(told).toEqual({ dropped: 1, resumed: [] });
  });
});

it("a server goes on, and stops, while nobody reads its log", async () => {
  const folder = temporaryFolder();
  const args = ["serve", "--port", "0", "--data-dir", folder, "--log-level", "debug"];
  const child = spawn(PROGRAM[0]!, [...PROGRAM.slice(1), ...args], { env: cleanEnv() });
  onTestFinished(() => void child.kill("SIGKILL"));
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
  await expect.poll(() => printed).toMatch(/http:\S+mcp/);
  const [url] = /http:\S+mcp/.exec(printed)!;
  const id = "x".repeat(100);
  const ask = () => fetch(new URL("/nowhere", url), { headers: { "x-request-id": id } });
  // More than the pipe holds.
  for (let round = 0; round < 8; round += 1)
    await Promise.all(Array.from({ length: 50 }, async () => (await ask()).text()));
  expect(await (await fetch(new URL("/healthz", url))).text()).toBe("ok\n");
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  expect(await exit).toBe(0);
});
