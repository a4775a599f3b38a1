// Makes a clone ready to run: Node packages, Python environment, Temporal server, compiled code. No dependencies, safe to
// run at any time: it looks at what is there and does what is missing. Called by `npm run demo`, `npm test`, `npm run setup`.
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { planBuild } from './setup/compiled.mjs';
import { checkDisk } from './setup/disk.mjs';
import { withLock } from './setup/lock.mjs';
import { checkNode, planPackages } from './setup/node-packages.mjs';
import { SetupProblem } from './setup/problem.mjs';
import { planPython } from './setup/python-environment.mjs';
import { planTemporal } from './setup/temporal-server.mjs';

const stillMs = 20_000;
const legs = { packages: planPackages, python: planPython, temporal: planTemporal };

/**
 * Sets the clone up. Throws a SetupProblem that lists everything that is wrong; what succeeded is kept.
 * @param {{ root: string, env: NodeJS.ProcessEnv, say: (line: string) => void, build?: boolean }} options without `build`
 *   the tools are there, but dist/ may be old: enough for checks, which should speak even when the code does not compile
 */
export async function setUp({ root, env, say, build = true }) {
  checkNode(process.versions.node);
  const context = { root, env, home: join(root, '.pawl') };
  if (Object.values(planAll(context)).every((plan) => plan === null) && (!build || planBuild(context) === null)) return;
  await withLock(
    join(context.home, 'setup.lock'),
    () => doWhatIsMissing(context, { say, build }),
    (holder) => say(`another set-up is running (process ${holder}); waiting for it`),
  );
}

/** Plans of all legs; problems of all are found before any leg starts. */
function planAll(context) {
  const plans = {};
  const problems = [];
  for (const [name, plan] of Object.entries(legs)) {
    try {
      plans[name] = plan(context);
    } catch (error) {
      problems.push(error);
    }
  }
  throwAll(problems);
  return plans;
}

async function doWhatIsMissing(context, { say, build }) {
  const todo = Object.entries(planAll(context)).filter(([, plan]) => plan !== null);
  checkDisk(context.root, todo.reduce((sum, [, plan]) => sum + plan.bytes, 0.3e9)); // prettier-ignore
  const results = await Promise.allSettled(todo.map(([name, plan]) => runLeg(name, plan, say)));
  throwAll(results.filter((result) => result.status === 'rejected').map((result) => result.reason));
  const compile = build ? planBuild(context) : null;
  if (compile !== null) await runLeg('build', compile, say);
}

/** Runs one leg with a line at each stage, a sign of life while a stage is long, and its seconds. */
async function runLeg(name, plan, say) {
  const startedAt = Date.now();
  const seconds = () => Math.round((Date.now() - startedAt) / 1000);
  let stage = 'starting';
  const timer = setInterval(() => say(`[${name}] still: ${stage} (${seconds()} s)`), stillMs);
  try {
    await plan.run((text) => {
      stage = text;
      say(`[${name}] ${text}`);
    });
    if (stage !== 'starting') say(`[${name}] ready after ${seconds()} s`);
  } finally {
    clearInterval(timer);
  }
}

function throwAll(problems) {
  if (problems.length === 0) return;
  const bug = problems.find((problem) => !(problem instanceof SetupProblem));
  throw bug ?? (problems.length === 1 ? problems[0] : new Problems(problems));
}

class Problems extends SetupProblem {
  constructor(problems) {
    super('', '');
    this.message = problems.map((problem) => problem.message).join('\n\n');
  }
}

/** The folder of this clone. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Sets up or ends the process with the reason; what the other scripts call first. */
export async function setUpOrExit({ quietWhenReady = true, build = true } = {}) {
  const startedAt = Date.now();
  let spoke = false;
  const say = (line) => {
    if (!spoke) console.log('Setting up (once; later runs find it ready)');
    spoke = true;
    console.log(`  ${line}`);
  };
  try {
    await setUp({ root, env: process.env, say, build });
  } catch (error) {
    if (!(error instanceof SetupProblem)) throw error;
    console.error(`\nSet-up is not finished.\n\n${error.message}\n`);
    process.exit(1);
  }
  if (spoke || !quietWhenReady) console.log(`Set-up ready (${((Date.now() - startedAt) / 1000).toFixed(1)} s)\n`);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await setUpOrExit({ quietWhenReady: false });
}
