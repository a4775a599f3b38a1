// `npm run study`: set-up, then replicas of pipelines/study.yaml and their comparison (study/). An interrupted study goes on where it
// was: what it has made is in the store.
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { root, setUpOrExit } from './setup.mjs';

const usage = 'npm run study -- [--seeds N] [--print] [PIPELINE.yaml] [--set name=value]…';
const { values, positionals } = readOptions();
const seeds = Number(values.seeds);
if (!Number.isInteger(seeds) || seeds < 1) fail(`--seeds is \`${values.seeds}\`; it wants a whole number from 1 on.`);
const file = positionals[0] ?? 'pipelines/study.yaml';
const settings = values.set ?? [];

await setUpOrExit();
const { study } = await import(pathToFileURL(join(root, 'dist', 'study', 'main.js')).href);
const asked = process.argv.slice(2);
await study({
  root,
  seeds,
  run: [file, ...settings.flatMap((setting) => ['--set', setting])],
  command: ['npm run study', ...(asked.length === 0 ? [] : ['--', ...asked])].join(' '),
  page: values.print ? null : join(root, 'docs', `${pageOf(file)}.md`),
});

/** study.yaml is told in results.md, study-cosqa.yaml in results-cosqa.md, any other in results- and its name. */
function pageOf(pipeline) {
  const name = basename(pipeline, '.yaml').replace(/^study-?/, '');
  return name === '' ? 'results' : `results-${name}`;
}

function readOptions() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        seeds: { type: 'string', default: '5' },
        set: { type: 'string', multiple: true },
        print: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return fail(error.message);
  }
}

function fail(message) {
  console.error(`${message}\n${usage}`);
  process.exit(2);
}
