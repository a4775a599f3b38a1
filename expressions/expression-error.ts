// The one error of expressions: what is wrong, in which source, and where in it.

/** Thrown by parsing, checking and evaluating; `start` and `end` are offsets into `source`. */
export class ExpressionError extends Error {
  readonly source: string;
  readonly start: number;
  readonly end: number;
  constructor(
    message: string,
    source: string,
    range: { start: number; end: number } = { start: 0, end: source.length },
  ) {
    super(message);
    this.name = 'ExpressionError';
    this.source = source;
    this.start = range.start;
    this.end = range.end;
  }
}
