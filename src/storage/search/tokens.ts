// Tokens of the full-text index beside the words: a search reads no other owner's part of the index.

export const sessionToken = (id: string): string => `s${id.replaceAll("-", "")}0`;
/** The token in hexadecimal digits, because a name may be anything. No stem is cut off behind a digit. */
export const ownerToken = (owner: string): string => `o${Buffer.from(owner).toString("hex")}0`;
