// Where a command writes: lines for people on stdout, or JSON lines with --json; troubles on stderr.

export interface Output {
  readonly json: boolean;
  /** A line for people; nothing with --json. */
  line(text: string): void;
  /** A line of JSON; nothing without --json. */
  record(value: Record<string, unknown>): void;
  /** Something to know about that is no result; on stderr. With --json a record of type `warning`. */
  warn(text: string): void;
}

/** The output of the process. */
export const processOutput = (json: boolean): Output => ({
  json,
  line(text) {
    if (!json) process.stdout.write(`${text}\n`);
  },
  record(value) {
    if (json) process.stdout.write(`${JSON.stringify(value)}\n`);
  },
  warn(text) {
    if (json) process.stdout.write(`${JSON.stringify({ type: 'warning', message: text })}\n`);
    else process.stderr.write(`${text}\n`);
  },
});
