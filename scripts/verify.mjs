// `npm run verify`: every check that needs no running server. All failures are shown, not only the first.
import { checks } from './checks/list.mjs';
import { runChecks } from './checks/run.mjs';
import { root, setUpOrExit } from './setup.mjs';

await setUpOrExit({ build: false });
const { passed, failed } = await runChecks(checks(root), { cwd: root, say: (text) => console.log(text) });
console.log(
  failed.length === 0
    ? `${passed} checks passed`
    : `${failed.length} of ${passed + failed.length} checks failed: ${failed.join(', ')}`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
