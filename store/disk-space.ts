// Which disk a path is on and how much of it is free, for the message of a write that failed.
import { statSync, statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** `The disk at /data has 0.0 MB free of 64.0 MB.`; '' when the system does not say. The path need not be there. */
export function diskText(path: string): string {
  try {
    const place = existing(resolve(path));
    const { bavail, blocks, bsize, files, ffree } = statfsSync(place);
    const space = `The disk at ${mountOf(place)} has ${megabytes(bavail * bsize)} free of ${megabytes(blocks * bsize)}`;
    return files > 0 && ffree === 0 ? `${space}, but no room for one more file (inodes).` : `${space}.`;
  } catch {
    return '';
  }
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;

function existing(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) === undefined && path !== dirname(path)
    ? existing(dirname(path))
    : path;
}

/** The highest folder above a path that is on the same device. */
function mountOf(path: string): string {
  const { dev } = statSync(path);
  let place = path;
  while (place !== dirname(place) && statSync(dirname(place)).dev === dev) place = dirname(place);
  return place;
}
