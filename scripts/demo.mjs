// `npm run demo`: set-up, the quickstart pipeline, and what came out of it. `-- --tiny` takes a smaller model and less data.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { loadReader, readRun } from './demo/records.mjs';
import { changeLines, qualityTable, timeTable } from './demo/summary.mjs';
import { longer, quickstart, tinyRun } from './demo/tiny.mjs';
import { root, setUpOrExit } from './setup.mjs';

const options = process.argv.slice(2);
const unknown = options.filter((option) => option !== '--tiny');
if (unknown.length > 0) {
  console.error(`npm run demo does not know ${unknown.join(' ')}. It knows --tiny: npm run demo -- --tiny`);
  process.exit(2);
}
const pipeline = 'quickstart';
const run = options.includes('--tiny') ? tinyRun : [quickstart];
const command = run.join(' ');

await setUpOrExit();
const startedAt = Date.now();
console.log(`npx pawl run ${command}\n`);
const status = await pawl('run', ...run, '--wait');
const reader = await loadReader(root);
const found = await readRun(reader, pipeline);
if (found !== null) report(found);
process.exitCode = status;

function pawl(...args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'bin', 'pawl.mjs'), ...args], { cwd: root, stdio: 'inherit' });
    // Ctrl-C reaches the child as well; it detaches and says how to come back.
    process.on('SIGINT', () => undefined);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

function report({ record, evaluations, steps }) {
  const temporalPage = reader.workflowPage(reader.config, record.workflowId);
  const mlflow = record.mlflow ?? reader.mlflowUrl(reader.config);
  const print = (title, lines) =>
    lines.length > 0 && console.log(`\n${title}\n${lines.map((line) => `  ${line}`).join('\n')}`);
  print('Quality on the test split, with 95 % bootstrap intervals over queries', qualityTable(evaluations));
  const sft = evaluations.find(({ step }) => step === 'eval_sft');
  const rl = evaluations.find(({ step }) => step === 'eval_rl');
  if (sft !== undefined && rl !== undefined)
    print('What stage 2 changed, paired over the same queries', changeLines(sft, rl, reader.pairedBootstrap));
  print('Time by step (a cached step: when it ran)', timeTable(steps));
  print('Look at it', [
    ...(temporalPage === null ? [] : [`Temporal  ${temporalPage}`]),
    ...(mlflow === null ? [] : [`MLflow    ${mlflow}`]),
  ]);
  print('Try next', [
    `npx pawl plan ${command}`,
    '    what would run now, and why: all CACHED',
    `npx pawl run ${longer(run).join(' ')}`,
    '    the loop goes on where it stopped',
    'npx pawl why sft',
    '    what the key of a step is made of',
    'npx pawl down',
    '    stops the servers, which run until then',
  ]);
  console.log(`\nRun ${record.workflowId}: ${record.state} after ${Math.round((Date.now() - startedAt) / 1000)} s`);
}
