// The interface of commands to the outside world, so that only main.ts touches the process.

/** A target of text: a terminal, a pipe or a file. */
export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  /** Width of a terminal. */
  readonly columns?: number;
}

export interface Terminal {
  /** Write a line to standard output. */
  print(line: string): void;
  /** Write a line to standard error. */
  warn(line: string): void;
  /** Make the program exit with 1, though the command does its work to the end. */
  setExitCode(): void;
  /** Call `stop` at the first SIGINT or SIGTERM. */
  onStop(stop: () => Promise<void>): void;
  /** Standard input, output and error, for long output and for questions at a terminal. */
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: Output;
  readonly errors: Output;
}

/** Report faulty files of tools on standard error. */
export const onToolFault = ({ warn }: Pick<Terminal, "warn">) => ({
  onToolFault: (line: string) => warn(`holdfast: ${line}`),
});
