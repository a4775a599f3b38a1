// What the exit status of `pawl` says. Frozen: CI scripts read it.

export const exitCodes = {
  ok: 0,
  /** A bug, or a server that cannot be reached. */
  internal: 1,
  /** `pawl test`: a case failed. What every test runner ends with. */
  testFailed: 1,
  /** `pawl doctor`: a check failed. */
  checkFailed: 1,
  /** The file, an option or the state of a run does not allow it. */
  invalid: 2,
  gate: 3,
  stepFailed: 4,
  budget: 5,
  cancelled: 6,
  /** `--timeout` is over; the run goes on. */
  waitTimedOut: 124,
  /** ctrl-C while following; the run goes on. */
  detached: 130,
} as const;
