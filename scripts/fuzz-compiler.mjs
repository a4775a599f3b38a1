// `node scripts/fuzz-compiler.mjs [CASES] [SEED]`: compiles mutated pipeline files in two processes; `npm test` does a few
// hundred. Says how many gave a plan, which took longest, and every case that broke a promise of the compiler.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const processes = 2;
const [cases = 100_000, firstSeed = 1_000_000] = process.argv.slice(2).map(Number);
const main = fileURLToPath(new URL('../tests/compiler/fuzz/main.ts', import.meta.url));
const share = Math.ceil(cases / processes);

/** The report of one process over the seeds from `first`. */
function part(first, count) {
  const child = spawn(process.execPath, ['--import', 'tsx', main, String(first), String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(JSON.parse(stdout)) : reject(new Error(`ended with ${code}`))));
  });
}

const startedAt = Date.now();
const parts = await Promise.all(
  Array.from({ length: processes }, (_, index) => part(firstSeed + index * share, share)),
);
const sum = (name) => parts.reduce((total, one) => total + one[name], 0);
const [slowest] = [...parts].sort((a, b) => b.slowestMs - a.slowestMs);
const faults = parts.flatMap((one) => one.faults);
for (const { seed, fault, text } of faults) console.log(`\nseed ${seed}: ${fault}\n${text.replaceAll(/^/gm, '  | ')}`);
console.log(
  `${sum('cases')} cases in ${Math.round((Date.now() - startedAt) / 1000)} s: ${sum('plans')} plans, ${faults.length} faults; ` +
    `the slowest took ${Math.round(slowest.slowestMs)} ms (seed ${slowest.slowestSeed})`,
);
process.exitCode = faults.length === 0 && slowest.slowestMs < 1000 ? 0 : 1;
