// What a check of `pawl doctor` finds, and the time that it gets.

export interface Finding {
  /** What was looked at, in a word or two. */
  check: string;
  state: 'ok' | 'warn' | 'fail';
  fact: string;
  /** What to do about it; null when there is nothing to do. */
  wayOut: string | null;
}

export const ok = (check: string, fact: string): Finding => ({ check, state: 'ok', fact, wayOut: null });
export const warn = (check: string, fact: string, wayOut: string): Finding => ({ check, state: 'warn', fact, wayOut });
export const fail = (check: string, fact: string, wayOut: string): Finding => ({ check, state: 'fail', fact, wayOut });

/** The error's own words. Its first line is the fact, the others the way out. Pure. */
export function failure(check: string, error: unknown, wayOut = 'Mend what it says and look again.'): Finding {
  const [fact = '', ...rest] = (error instanceof Error ? error.message : String(error)).split('\n');
  return fail(check, fact, rest.length === 0 ? wayOut : rest.join(' '));
}

/** Runs a check, which may hang or throw: then that is the finding. */
export async function withLimit(check: string, ms: number, work: () => Promise<Finding[]>): Promise<Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding[]>((resolve) => {
    timer = setTimeout(
      () =>
        resolve([
          fail(
            check,
            `no answer within ${ms / 1000} s`,
            'Is the network, the disk or the machine at its limit? Look again.',
          ),
        ]),
      ms,
    );
  });
  try {
    return await Promise.race([work(), late]);
  } catch (error) {
    return [failure(check, error)];
  } finally {
    clearTimeout(timer);
  }
}
