// Tar archives, as people pack folders.
import { packTar, type TarHeader } from "modern-tar";

/** An archive of these files, and of entries without content. */
export async function tar(
  files: Readonly<Record<string, string | Buffer>>,
  others: readonly TarHeader[] = [],
): Promise<Buffer> {
  const entries = Object.entries(files).map(([name, content]) => {
    const body = Buffer.from(content);
    return { header: { name, size: body.length }, body };
  });
  return Buffer.from(await packTar([...entries, ...others.map((header) => ({ header }))]));
}
