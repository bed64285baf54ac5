// A mistake in a tool, found while it runs: what it returned cannot be sent, or is not what it promised.

export class ToolMistake extends Error {
  /** Where the mistake is, such as `result.at`. */
  readonly field: string;

  constructor(field: string, reason: string, cause?: unknown) {
    super(`${field}: ${reason}`, cause === undefined ? undefined : { cause });
    this.name = "ToolMistake";
    this.field = field;
  }
}
