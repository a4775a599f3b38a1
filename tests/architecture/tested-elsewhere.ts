// Source files and folders without a test of their own, each with where they are tested, or why not.

/** Path from the root, or folder with a slash at its end -> the reason. */
export const testedElsewhere: Record<string, string> = {
  'activities/kinds/encode.ts': 'tests/activities/kinds: through index.build, index.refresh and eval.retrieval',
  'bench/control-workflows.ts': '`npm run bench` runs it against a real server',
  'bench/installation.ts': '`npm run bench`; its parts are those of the CLI',
  'bench/loop.ts': '`npm run bench` runs it against a real server',
  'bench/machine.ts': 'facts of the machine, shown as they are',
  'bench/main.ts': 'the composition of `npm run bench`',
  'bench/steps.ts': '`npm run bench` runs it against a real server',
  'compiler/': 'tests/golden (a pair a rule) and tests/compiler/compile.test.ts: text in, plan or messages out',
  'expressions/engine.ts': 'tests/expressions/evaluate.test.ts',
  'expressions/expression-error.ts': 'tests/expressions: every refused expression',
  'expressions/value-references.ts': 'tests/golden: the dependencies in the plans',
  'planning/known-values.ts': 'tests/planning/plan-run.test.ts',
  'planning/plan-loop.ts': 'tests/planning/plan-run.test.ts',
  'retrieval/': 'tests/retrieval: the small parts through the index, the metrics and the readers that use them',
  'schemas/loop-identity.ts': 'tests/workflows and tests/planning: both sides agree on the key of a loop',
  'store/durable-file.ts': 'tests/store/folder-store.test.ts',
  'store/folder-files.ts': 'tests/store/artifacts.test.ts',
  'store/host-cache.ts': 'tests/store/artifacts.test.ts',
  'store/list-objects.ts': 'tests/store/folder-store.test.ts',
  'store/object-name.ts': 'tests/store/folder-store.test.ts',
  'store/quarantine.ts': 'tests/store/artifacts.test.ts',
  'store/verified.ts': 'tests/store/artifacts.test.ts',
  'workflows/': 'tests/workflows: the interpreter as a whole, in the same process and on a real server',
  'temporal.config.ts': 'tests/cli: every command reads it',
};
