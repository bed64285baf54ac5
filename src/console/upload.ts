// A file that a form sends: it goes to the disk as it comes, and the form's fields come before it.
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { Busboy, type BusboyFileStream } from "@fastify/busboy";
import { AppError } from "../lib/errors.ts";
import { leaveToOwner } from "../lib/files/owner.ts";
import { atFile } from "../lib/system-errors.ts";
import { RequestError } from "../protocol/errors.ts";

export interface Upload {
  /** Name of the file as the browser told it: any text. */
  name: string;
  fields: ReadonlyMap<string, string>;
}

export interface UploadOptions {
  maxBytes: number;
  /** The path to store the file at, asked for before its first byte. What it throws refuses the file. */
  place(fields: ReadonlyMap<string, string>): Promise<string>;
}

const MAX_FIELDS = 10;
const MAX_FIELD_BYTES = 1_000;

/**
 * Store the file of the form for this user alone; it is on the disk when this resolves, and gone when it rejects. The whole
 * request is read, also that of a refused file: a browser shows no answer before it has sent everything.
 * @throws AppError `invalid` without a file, `storage` where it cannot be stored, and what `place` throws
 * @throws RequestError `too_large`
 */
export async function receive(
  { headers, body }: Request,
  { maxBytes, place }: UploadOptions,
): Promise<Upload> {
  const type = headers.get("content-type") ?? "";
  if (!type.startsWith("multipart/form-data") || body === null) throw noFile();
  const fields = new Map<string, string>();
  let path: string | undefined;
  let sent: BusboyFileStream | undefined;
  let stored: Promise<string> | undefined;
  const store = async (file: BusboyFileStream, name: string): Promise<string> => {
    try {
      path = await place(fields);
      // A file that a fault of the disk destroyed could not be read to its end, and the form would never finish.
      const content = file.iterator({ destroyOnReturn: false });
      await pipeline(content, createWriteStream(path, { mode: 0o600, flags: "wx", flush: true }));
      leaveToOwner(path);
    } catch (error) {
      file.resume();
      throw path === undefined ? error : atFile(dirname(path), error);
    }
    if (file.truncated) throw tooLarge(maxBytes);
    return name;
  };
  try {
    const form = formOf(type, maxBytes);
    form.on("field", (name, value) => void fields.set(name, value));
    form.on("file", (_field, file, name) => {
      sent = file.on("error", () => undefined); // told by the form
      stored = store(file, name);
      stored.catch(() => undefined); // awaited below
    });
    await pipeline(Readable.fromWeb(body as ReadableStream), form).catch((error: unknown) => {
      throw new AppError("invalid", "The form is not complete.", { cause: error });
    });
    if (stored === undefined) throw noFile();
    const name = await stored;
    if (name === "") throw noFile();
    return { name, fields };
  } catch (error) {
    sent?.destroy();
    await stored?.catch(() => undefined);
    if (path !== undefined) await rm(path, { force: true });
    throw error;
  }
}

/** @throws AppError `invalid` for a form without a boundary */
function formOf(type: string, maxBytes: number): InstanceType<typeof Busboy> {
  try {
    return new Busboy({
      headers: { "content-type": type },
      limits: { files: 1, fileSize: maxBytes, fields: MAX_FIELDS, fieldSize: MAX_FIELD_BYTES },
      isPartAFile: (_field, _type, name) => name !== undefined,
    });
  } catch (error) {
    throw new AppError("invalid", "The form is not complete.", { cause: error });
  }
}

const noFile = (): AppError => new AppError("invalid", "Choose a file first.");

const tooLarge = (maxBytes: number): RequestError =>
  new RequestError("too_large", `The file is larger than ${maxBytes} bytes (max-upload).`);
