// Source files that no test of their own folder imports, each with where they are tested, or why not.

/** Path from the root, or folder with a slash at its end -> the reason. */
export const testedElsewhere: Record<string, string> = {
  'bench/control-workflows.ts': '`npm run bench` runs it against a real server',
  'bench/machine.ts': 'facts of the machine, shown as they are',
  'bench/main.ts': 'the composition of `npm run bench`',
  'chaos/main.ts': 'the composition of `npm run chaos`',
  'cli/main.ts': 'tests/cli runs it as a process',
  'local/supervisor-main.ts': 'tests/local runs it as a process',
  'local/supervisor.ts': 'tests/local/supervision.test.ts runs it as a process',
  'retrieval/beir.ts': 'tests/activities/kinds: the reader of data.jsonl',
  'retrieval/compare-reports.ts': 'tests/activities/kinds/eval-retrieval.test.ts',
  'retrieval/freshness.ts': 'tests/activities/kinds: index.refresh',
  'retrieval/rollouts.ts': 'tests/activities/kinds: rl.reward and index.refresh',
  'retrieval/worker-thread.ts': 'runs in a thread, through tests/retrieval of the pool',
  'schemas/command.ts': 'two constants; tests/golden has plans with commands',
  'schemas/failures.ts': 'lookups in a generated table, used in every test of a failure',
  'schemas/journal.ts': 'tests/tracking and tests/activities: both ends of the journal',
  'schemas/search-attributes.ts': 'a table; tests/local registers it',
  'temporal.config.ts': 'tests/cli: every command reads it',
  'worker/bundle.ts': 'the set-up runs it, and tests/workflows replays with what it makes',
  'worker/create-worker.ts': 'tests/worker and tests/cli run the worker as a process',
  'worker/logging.ts': 'tests/worker and tests/cli run the worker as a process',
  'worker/main.ts': 'tests/worker and tests/cli run the worker as a process',
  'worker/tracker.ts': 'tests/cli: a run with MLflow',
  'workflows/index.ts': 'this test bundles it; tests/worker runs it',
  'workflows/port-temporal.ts': 'tests/workflows on a real server, through the bundle',
};
