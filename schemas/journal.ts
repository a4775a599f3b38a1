// The lines of a journal (store/journals.ts): the metrics of an attempt in the order they came. Written by activities,
// read by trackers and reports.

/** One point: the values of a step of the work. */
export interface JournalPoint {
  /** Step of the work, as the kind counts: optimizer steps, samples, … */
  step: number;
  /** Milliseconds since the epoch. */
  at: number;
  /** null = not finite. */
  values: Record<string, number | null>;
}

/** The line of a point, with its newline. Pure. */
export const journalLine = (point: JournalPoint): string =>
  `${JSON.stringify({ step: point.step, at: point.at, values: point.values })}\n`;

/** The points in a stretch of whole lines; a line that is no point is skipped. Pure. */
export function journalPoints(text: string): JournalPoint[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      try {
        const value: unknown = JSON.parse(line);
        return isPoint(value) ? [value] : [];
      } catch {
        return [];
      }
    });
}

function isPoint(value: unknown): value is JournalPoint {
  if (typeof value !== 'object' || value === null) return false;
  const { step, at, values } = value as Partial<JournalPoint>;
  return typeof step === 'number' && typeof at === 'number' && typeof values === 'object';
}
