// The setting for the context windows of models, in tokens: `32000`, or `qwen3=8000,32000`.

export const DEFAULT_CONTEXT_TOKENS = 32_000;

/** Tokens of the named models, and of all others. */
export interface ContextTokens {
  readonly named: Readonly<Record<string, number>>;
  readonly others: number;
}

const ENTRY = /^\s*(?:([^\p{C}\p{Z}]+)=)?([1-9]\d{3,8})\s*$/u;

/** Returns undefined for text of another form. */
export function readContextTokens(text: string): ContextTokens | undefined {
  const named: [string, number][] = [];
  const others: number[] = [];
  for (const entry of text.split(",")) {
    const [, model, tokens] = ENTRY.exec(entry) ?? [];
    if (tokens === undefined) return undefined;
    if (model === undefined) others.push(Number(tokens));
    else named.push([model, Number(tokens)]);
  }
  if (others.length > 1) return undefined;
  return { named: Object.fromEntries(named), others: others[0] ?? DEFAULT_CONTEXT_TOKENS };
}

export const tokensOf = ({ named, others }: ContextTokens, model: string): number =>
  Object.hasOwn(named, model) ? named[model]! : others;
