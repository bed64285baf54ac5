// The finding of a check.

export interface Finding {
  check: string;
  status: "ok" | "warn" | "fail";
  /** One sentence. */
  says: string;
  /** Next step, if there is one. */
  advice?: string;
  /** Apply the fix, for --fix. Returns a sentence that says what was done. */
  fix?: () => string;
}

export const ok = (check: string, says: string): Finding => ({ check, status: "ok", says });

export const warn = (check: string, says: string, advice: string): Finding => ({
  ...{ check, status: "warn", says, advice },
});

export const fail = (check: string, says: string, advice: string): Finding => ({
  ...{ check, status: "fail", says, advice },
});
