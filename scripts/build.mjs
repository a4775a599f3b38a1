// `npm run build`: dist/ from the TypeScript sources, and the workflow bundle.
import { join } from 'node:path';
import { planBuild } from './setup/compiled.mjs';
import { SetupProblem } from './setup/problem.mjs';
import { root } from './setup.mjs';

const build = planBuild({ root, home: join(root, '.pawl'), env: process.env });
try {
  await build?.run((text) => console.log(text));
} catch (error) {
  if (!(error instanceof SetupProblem)) throw error;
  console.error(error.message);
  process.exit(1);
}
