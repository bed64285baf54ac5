// Statements that are prepared when they are first used: a command that needs three of them does not prepare them all.

type Built<T> = { readonly [K in keyof T]: T[K] extends () => infer R ? R : never };

/** An object whose properties are built by these functions, each once, when it is first read. */
export function lazily<T extends Record<string, () => unknown>>(builders: T): Built<T> {
  const built = {} as Record<string, unknown>;
  for (const [name, build] of Object.entries(builders)) {
    Object.defineProperty(built, name, {
      configurable: true,
      enumerable: true,
      get() {
        const value = build();
        Object.defineProperty(built, name, { value, enumerable: true });
        return value;
      },
    });
  }
  return built as Built<T>;
}
