// What a command is given of the outside world, so that only main.ts touches the process.

/** Where text goes: a terminal, a pipe or a file. */
export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  /** Of a terminal. */
  readonly columns?: number;
}

export interface Terminal {
  /** Writes a line to standard output. */
  print(line: string): void;
  /** Writes a line to standard error. */
  warn(line: string): void;
  /** Lets the program end with 1, though the command does its work to the end. */
  setExitCode(): void;
  /** Calls `stop` at the first SIGINT or SIGTERM. */
  onStop(stop: () => Promise<void>): void;
  /** Standard input, output and error, for what is long and for what depends on somebody sitting there. */
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: Output;
  readonly errors: Output;
}

/** Files of tools that cannot be loaded are told of on standard error. */
export const onToolFault = ({ warn }: Terminal) => ({
  onToolFault: (line: string) => warn(`holdfast: ${line}`),
});

export { counted } from "../../lib/text/plural.ts";
