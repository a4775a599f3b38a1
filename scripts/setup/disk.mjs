// Whether the disk has room for what the set-up is about to write.
import { statfsSync } from 'node:fs';
import { SetupProblem } from './problem.mjs';

const gigabytes = (bytes) => (bytes / 1e9).toFixed(1);

/**
 * Throws when less is free than the legs need.
 * @param {string} root folder on the disk in question @param {number} neededBytes
 * @param {(path: string) => number} freeBytesOf replaced in tests
 */
export function checkDisk(root, neededBytes, freeBytesOf = freeBytes) {
  const free = freeBytesOf(root);
  if (free >= neededBytes) return;
  throw new SetupProblem(
    `Not enough disk: ${gigabytes(free)} GB are free, ${gigabytes(neededBytes)} GB are needed.`,
    `Free some space on the disk that holds ${root}, or clone Pawl to a larger one.`,
  );
}

function freeBytes(path) {
  const stat = statfsSync(path);
  return stat.bavail * stat.bsize;
}
