// One path grammar for steps everywhere: in activity ids, records, the CLI and the UI.
//   path    = segment *("." segment)
//   segment = name [ "[" index "]" ]        the index of the iteration, from 0, on a loop whose body the path enters
// e.g. `sft`, `rl` (the loop), `rl[12].update` (a step in its iteration 12), `outer[0].inner[3].step`.

export interface PathSegment {
  name: string;
  /** Iteration of the loop `name`; null for the step or loop itself. */
  index: number | null;
}

const segmentPattern = /^([a-z][a-z0-9_]*)(?:\[(0|[1-9][0-9]*)\])?$/;

/** The path of `name` inside `parent`, which is '' at the top and otherwise ends in an iteration (`rl[12]`). Pure. */
export const childPath = (parent: string, name: string): string => (parent === '' ? name : `${parent}.${name}`);

/** The path of one iteration of the loop at `loopPath`. Pure. */
export const iterationPath = (loopPath: string, index: number): string => `${loopPath}[${index}]`;

/** The segments of a path, or null when the text is none. Pure. */
export function parsePath(text: string): PathSegment[] | null {
  const segments: PathSegment[] = [];
  for (const part of text.split('.')) {
    const match = segmentPattern.exec(part);
    if (match === null) return null;
    segments.push({ name: match[1] ?? '', index: match[2] === undefined ? null : Number(match[2]) });
  }
  return segments;
}

/** The text of a path; parsePath's inverse. Pure. */
export const formatPath = (segments: readonly PathSegment[]): string =>
  segments.map(({ name, index }) => (index === null ? name : `${name}[${index}]`)).join('.');
