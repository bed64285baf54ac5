// Removes credentials from foreign text: providers, issuers and tools tend to quote refused ones.

/** Our API keys, credentials of a header, JSON Web Tokens, keys of model providers. */
const SECRETS: readonly RegExp[] = [
  /\bhf_[0-9a-f]{12}_[\w-]+/g,
  /(?<=\b(?:Bearer|Basic)\s+)[\w.~+/=-]{16,}/gi,
  /\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)*/g,
  /\bsk-[\w*.-]+/g,
];

export const redact = (text: string): string =>
  SECRETS.reduce((left, secret) => left.replace(secret, "[secret]"), text);
