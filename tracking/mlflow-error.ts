// What can go wrong with MLflow, told apart.

/**
 * code: MLflow's own (RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST, INVALID_PARAMETER_VALUE, …), or
 * `unreachable` (no answer: down, or too slow) or `http` (an answer that is not MLflow's).
 */
export class MlflowError extends Error {
  readonly code: string;
  /** HTTP status; null without an answer. */
  readonly status: number | null;
  constructor(code: string, status: number | null, message: string) {
    super(message);
    this.name = 'MlflowError';
    this.code = code;
    this.status = status;
  }
}

/** Whether an error is MLflow's of this code. Pure. */
export const isMlflowError = (error: unknown, code: string): boolean =>
  error instanceof MlflowError && error.code === code;

/** Whether asking again may help. Pure. */
export const isPassing = (error: MlflowError): boolean =>
  error.code === 'unreachable' || error.status === 429 || (error.status !== null && error.status >= 500);
