// The operating system's error codes in plain words.
import { tmpdir } from "node:os";
import { AppError } from "./errors.ts";

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  ENOENT: "there is no such file or folder",
  ENOTDIR: "a part of the path is no folder",
  EISDIR: "it is a folder",
  EEXIST: "it is there already",
  ELOOP: "its symbolic links go in a circle",
  ENAMETOOLONG: "the name is too long",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  EBUSY: "something else is using it",
  EIO: "the disk failed",
};

/** `permission is denied (EACCES)`; undefined for any other kind of error. */
export function systemReason(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) return undefined;
  const reason = REASONS[code];
  return reason ? `${reason} (${code})` : code;
}

/** Turn an operating system's error at a file into one line that names the file; other values pass through. */
export function atFile(file: string, error: unknown): unknown {
  const reason = systemReason(error);
  if (reason === undefined) return error;
  return new AppError("storage", `${reason}.`, { file, cause: error });
}

/** Name the temporary folder: an error that named the data folder would mislead. */
export function temporaryFolderUnusable(cause: unknown): AppError {
  const { code } = cause as NodeJS.ErrnoException;
  const noexec = "the system loads no program from it (is it mounted noexec?)";
  const reason = code === "ERR_DLOPEN_FAILED" ? noexec : (systemReason(cause) ?? String(cause));
  return new AppError("start", `The temporary folder cannot be used: ${reason}.`, {
    file: tmpdir(),
    hint: "Name another one with the environment variable TMPDIR.",
    cause,
  });
}
