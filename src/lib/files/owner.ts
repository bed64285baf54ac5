// Ownership of files that root makes in another user's folder.
import { closeSync, constants, fchownSync, fstatSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Gives a file that root has made to the owner of its folder. That user may have put something else in its place. So
 * only root's own file or folder is given away, by its descriptor, and no link is followed.
 */
export function leaveToOwner(file: string): void {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(file));
  if (uid === 0) return;
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const descriptor = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const found = fstatSync(descriptor);
    const made = found.isDirectory() || (found.isFile() && found.nlink === 1);
    if (made && found.uid === 0) fchownSync(descriptor, uid, gid);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Makes root act as the owner of `folder` until `restore`. Nothing that this user puts there can then make root read,
 * write or give away its own files. Open descriptors stay open.
 */
export function dropToOwner(folder: string): { restore(): void } {
  const { geteuid, getegid, getgroups, setgroups, setegid, seteuid } = process;
  const found = statSync(folder, { throwIfNoEntry: false });
  if (geteuid?.() !== 0 || !setgroups || !setegid || !seteuid || !found || found.uid === 0)
    return { restore: () => undefined };
  const [gid, groups] = [getegid!(), getgroups!()];
  setgroups([found.gid]);
  setegid(found.gid);
  seteuid(found.uid);
  return {
    restore() {
      seteuid(0);
      setegid(gid);
      setgroups(groups);
    },
  };
}
