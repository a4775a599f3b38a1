// A part of `node scripts/fuzz-compiler.mjs`: checks the cases of some seeds and writes what it found as a line of JSON.
import { checkSeed } from './check-case.js';
import { corpus } from './corpus.js';

const [first = 0, count = 0] = process.argv.slice(2).map(Number);
const files = corpus();
const report = {
  cases: 0,
  plans: 0,
  slowestMs: 0,
  slowestSeed: 0,
  faults: [] as { seed: number; fault: string; text: string }[],
};
for (let seed = first; seed < first + count; seed++) {
  const { fault, ms, gavePlan, text } = checkSeed(files, seed);
  report.cases += 1;
  if (gavePlan) report.plans += 1;
  if (ms > report.slowestMs) [report.slowestMs, report.slowestSeed] = [ms, seed];
  if (fault !== null) report.faults.push({ seed, fault, text });
  if (report.faults.length >= 20) break;
}
process.stdout.write(`${JSON.stringify(report)}\n`);
