// Source files without a test of their own, each with the reason.

/** Path from the root -> where it is tested, or why it needs no test. */
export const testedElsewhere: Record<string, string> = {
  'temporal.config.ts': 'tests/cli: every command reads it',
};
