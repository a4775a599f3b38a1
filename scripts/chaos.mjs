// `npm run chaos -- --seed N --kills K`: set-up, then kills on purpose (chaos/). The same command goes on where it was
// interrupted: its log says which runs are done; `--fresh` begins again.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { tinyRun } from './demo/tiny.mjs';
import { root, setUpOrExit } from './setup.mjs';

const usage =
  'npm run chaos -- [--seed N] [--kills K] [--per-run N] [--out FOLDER] [--fresh] [PIPELINE.yaml [--set name=value]…]';
const options = readOptions();
const number = (name) => {
  const value = Number(options.values[name]);
  if (Number.isInteger(value) && value >= 0) return value;
  console.error(`--${name} is \`${options.values[name]}\`; it wants a whole number.\n${usage}`);
  process.exit(2);
};
const [seed, kills, killsPerRun] = [number('seed'), number('kills'), Math.max(1, number('per-run'))];
const settings = (options.values.set ?? []).flatMap((setting) => ['--set', setting]);
const run = options.positionals.length === 0 ? tinyRun : [...options.positionals, ...settings];
const out = options.values.out;

await setUpOrExit();
if (options.values.fresh) rmSync(join(out, `seed-${seed}.jsonl`), { force: true });
const { chaos } = await import(pathToFileURL(join(root, 'dist', 'chaos', 'main.js')).href);
process.exitCode = await chaos({ root, run, seed, kills, killsPerRun, out });

function readOptions() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        seed: { type: 'string', default: '1' },
        kills: { type: 'string', default: '20' },
        'per-run': { type: 'string', default: '8' },
        out: { type: 'string', default: join(root, '.pawl', 'chaos') },
        set: { type: 'string', multiple: true },
        fresh: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    process.exit(2);
  }
}
