// Dotted versions.

/** The first dotted number in a text as integers, or null. Pure. @param {string | null} text */
export function versionIn(text) {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text ?? '');
  return match === null ? null : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

/** Whether `version` is at least `floor`. Pure. @param {number[]} version @param {number[]} floor */
export function isAtLeast(version, floor) {
  for (const [index, wanted] of floor.entries()) {
    if (version[index] !== wanted) return (version[index] ?? 0) > wanted;
  }
  return true;
}
