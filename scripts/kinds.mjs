// Whether each step kind still computes what its version stands for (CONTRIBUTING.md, "To change a step kind").
//   node scripts/kinds.mjs check
//   node scripts/kinds.mjs accept KIND… [--same-result TEST]
import { parseArgs } from 'node:util';
import { accept, faultsOf } from './kinds/implementations.mjs';
import { root } from './setup.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { 'same-result': { type: 'string' } },
});
const [command, ...kinds] = positionals;
try {
  if (command === 'accept' && kinds.length > 0) accept(root, kinds, { sameResult: values['same-result'] ?? null });
  else if (command !== 'check') throw new Error('Say `check`, or `accept KIND… [--same-result TEST]`.');
  const faults = faultsOf(root);
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length === 0 ? 0 : 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 2;
}
