// What a check has found.

export interface Finding {
  check: string;
  status: "ok" | "warn" | "fail";
  /** One sentence. */
  says: string;
  /** What to do, where there is something to do. */
  advice?: string;
  /** Does it; the doctor calls it for --fix. Returns what was done. */
  fix?: () => string;
}

export const ok = (check: string, says: string): Finding => ({ check, status: "ok", says });

export const warn = (check: string, says: string, advice: string): Finding => ({
  ...{ check, status: "warn", says, advice },
});

export const fail = (check: string, says: string, advice: string): Finding => ({
  ...{ check, status: "fail", says, advice },
});
