// Source files without a test of their own, each with the reason.

/** Path from the root -> where it is tested, or why it needs no test. */
export const testedElsewhere: Record<string, string> = {
  'bench/control-workflows.ts': '`npm run bench` runs it against a real server',
  'bench/installation.ts': '`npm run bench`; its parts are those of the CLI',
  'bench/loop.ts': '`npm run bench` runs it against a real server',
  'bench/machine.ts': 'facts of the machine, shown as they are',
  'bench/main.ts': 'the composition of `npm run bench`',
  'bench/steps.ts': '`npm run bench` runs it against a real server',
  'temporal.config.ts': 'tests/cli: every command reads it',
};
