// Who may know whom, checked: the rules hold for the tree, and they catch what they are for.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { testedElsewhere } from './architecture/tested-elsewhere.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const parts = [
  'activities', 'bench', 'cli', 'compiler', 'expressions', 'gc', 'local', 'planning', 'retrieval', 'schemas', 'store',
  'testing', 'tracking', 'worker', 'workflows', 'temporal.config.ts',
]; // prettier-ignore
const run = promisify(execFile);
const quiet = new DefaultLogger('ERROR');

interface Violation {
  rule: { name: string };
  from: string;
  to: string;
}

/** What dependency-cruiser finds in a tree with Pawl's rules, as `rule: from -> to`, sorted. */
async function violationsIn(folder: string, paths: string[]): Promise<string[]> {
  const cruiser = join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs');
  const config = join(root, '.dependency-cruiser.cjs');
  const args = [cruiser, '--config', config, '--output-type', 'json', ...paths];
  const { stdout } = await run(process.execPath, args, { cwd: folder, maxBuffer: 2 ** 28 }).catch(
    (error: unknown) => error as { stdout: string },
  );
  const { summary } = JSON.parse(stdout) as { summary: { violations: Violation[] } };
  return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`).sort();
}

/** Files that git knows or would know below some folders. */
async function filesIn(...paths: string[]): Promise<string[]> {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...paths];
  const { stdout } = await run('git', args, { cwd: root, maxBuffer: 2 ** 26 });
  return stdout.split('\n').filter((path) => path !== '' && existsSync(join(root, path)));
}

describe('the directions between the parts', () => {
  it('hold everywhere', async () => {
    const present = parts.filter((part) => existsSync(join(root, part)));
    expect(await violationsIn(root, present)).toEqual([]);
  });

  it('are caught when a file breaks them, and types are let through where they may pass', async () => {
    const folders = [
      'activities',
      'cli',
      'compiler',
      'local',
      'retrieval',
      'schemas',
      'store',
      'testing',
      'worker',
      'workflows',
    ];
    expect(await violationsIn(join(root, 'tests', 'architecture', 'fixtures'), folders)).toEqual([
      'local-knows-only-what-it-may: local/knows-the-worker.ts -> worker/answer.ts',
      'no-cycles: schemas/first.ts -> schemas/second.ts',
      'no-node-modules-in-the-sandbox: workflows/reads-a-file.ts -> fs',
      'retrieval-knows-only-what-it-may: retrieval/knows-a-type-of-the-store.ts -> store/answer.ts',
      'store-knows-only-what-it-may: store/knows-the-cli.ts -> cli/answer.ts',
      'testing-does-no-io: testing/reads-a-file.ts -> fs',
      'testing-imports-activities-by-type-only: testing/calls-an-activity.ts -> activities/answer.ts',
      'the-compiler-does-no-io: compiler/reads-a-file.ts -> fs',
      'workflows-import-activities-by-type-only: workflows/calls-an-activity.ts -> activities/answer.ts',
    ]);
  });
});

describe('the workflows', () => {
  it('bundle for the sandbox, without any Node module', async () => {
    const { code } = await bundleWorkflowCode({ workflowsPath: join(root, 'workflows', 'index.ts'), logger: quiet });
    expect(code.length).toBeGreaterThan(100_000);
  });
});

describe('the tests', () => {
  it('reach every source file from the tests of its own folder, or a reason says where it is tested', async () => {
    const tests = await filesIn('tests');
    const sources = (await filesIn(...parts)).filter(
      (path) => path.endsWith('.ts') && !path.includes('/generated/') && hasCode(path),
    );
    const reached = new Map(
      parts.map((part) => [part, reachedFrom(tests.filter((test) => test.startsWith(`tests/${part}/`)))]),
    );
    const excused = Object.keys(testedElsewhere);
    const untested = sources.filter(
      (path) =>
        reached.get(path.split('/')[0] ?? '')?.has(path) !== true &&
        !excused.some((place) => path === place || (place.endsWith('/') && path.startsWith(place))),
    );
    expect(untested).toEqual([]);
  });

  it('are excused only for files that exist', () => {
    expect(Object.keys(testedElsewhere).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

/** Every file that these files import, directly or through others, as paths from the root. */
function reachedFrom(files: string[]): Set<string> {
  const seen = new Set<string>();
  const queue = [...files];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (seen.has(path) || !path.endsWith('.ts') || !existsSync(join(root, path))) continue;
    seen.add(path);
    queue.push(...importsOf(path));
  }
  return seen;
}

/** Source files that a file imports, as paths from the root. */
function importsOf(path: string): string[] {
  if (!path.endsWith('.ts')) return [];
  const text = readFileSync(join(root, path), 'utf8');
  const targets = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)\.js'/g)];
  return targets.map(([, target]) => join(dirname(path), `${target}.ts`));
}

/** Whether a file has anything that runs; types alone need no test. */
function hasCode(path: string): boolean {
  const text = readFileSync(join(root, path), 'utf8');
  return /^(export )?(default )?(async )?(function|class|const|let)\b|^export default/m.test(text);
}
