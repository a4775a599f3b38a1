// The one error of retrieval/: a failure class and words for the person who reads it.
import type { FailureClass } from '../schemas/failures.js';

/** A fact the user can act on: bad data, a missing package, a damaged artifact. Anything else is a bug and a plain Error. */
export class RetrievalError extends Error {
  readonly failureClass: FailureClass;
  constructor(failureClass: FailureClass, message: string) {
    super(message);
    this.name = 'RetrievalError';
    this.failureClass = failureClass;
  }
}

/** `corpus.jsonl:12: expected …` as an error of class `data`. */
export function dataError(file: string, line: number | null, message: string): RetrievalError {
  return new RetrievalError('data', `${file}${line === null ? '' : `:${line}`}: ${message}`);
}
