// The checks of `npm run verify`: what runs, and what to do when it is red.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Folders and files with product code in TypeScript. */
export const productParts = [
  'activities', 'bench', 'chaos', 'study', 'cli', 'compiler', 'expressions', 'local', 'planning', 'retrieval', 'schemas', 'store',
  'testing', 'tracking', 'worker', 'workflows', 'temporal.config.ts',
]; // prettier-ignore

/**
 * The checks, longest first. Each is a command; a check is red when it does not end with 0.
 * @param {string} root
 * @returns {{ name: string, command: string[], hint: string }[]}
 */
export function checks(root) {
  const node = (path, ...args) => [process.execPath, join(root, 'node_modules', ...path.split('/')), ...args];
  const python = (...args) => [join(root, '.pawl', 'python', 'bin', 'python'), '-m', ...args];
  const parts = productParts.filter((part) => existsSync(join(root, part)));
  const ruff = ['--config', 'trainer/pyproject.toml'];
  const trainer = ['trainer', 'tests/trainer', 'bench', 'pipelines'].filter((part) => existsSync(join(root, part)));
  return [
    { name: 'eslint', command: node('eslint/bin/eslint.js', '.'), hint: '`npm run format` mends some' },
    {
      name: 'mypy',
      command: python(
        'mypy',
        '--config-file',
        'trainer/pyproject.toml',
        'trainer/pawl_trainer',
        'bench/plain_loop.py',
        'bench/beside_trl.py',
        'bench/pawl_side.py',
        'bench/gpu.py',
      ),
      hint: 'types of the trainer',
    },
    { name: 'types', command: node('typescript/bin/tsc', '--noEmit', '-p', '.'), hint: '`npx tsc --noEmit -p .`' },
    {
      name: 'types of the scripts',
      command: node('typescript/bin/tsc', '-p', 'tests/scripts'),
      hint: '`npx tsc -p tests/scripts`',
    },
    {
      name: 'formatting',
      command: node('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'),
      hint: '`npm run format`',
    },
    {
      name: 'unused code',
      command: node('knip/bin/knip.js', '--no-progress', '--no-config-hints'),
      hint: 'delete it, or use it',
    },
    {
      name: 'directions',
      command: node('dependency-cruiser/bin/dependency-cruise.mjs', '--config', '.dependency-cruiser.cjs', ...parts),
      hint: 'ARCHITECTURE.md says who may know whom',
    },
    {
      name: 'generated files',
      command: [process.execPath, 'scripts/generate.mjs', '--check'],
      hint: '`npm run generate`',
    },
    {
      name: 'versions of step kinds',
      command: [process.execPath, 'scripts/kinds.mjs', 'check'],
      hint: 'CONTRIBUTING.md, "To change a step kind"',
    },
    {
      name: 'ruff',
      command: python('ruff', 'check', ...ruff, ...trainer),
      hint: '`npm run format` mends some',
    },
    {
      name: 'ruff format',
      command: python('ruff', 'format', '--check', ...ruff, ...trainer),
      hint: '`npm run format`',
    },
    {
      name: 'documents',
      command: [process.execPath, 'scripts/checks/documents.mjs'],
      hint: 'links and commands in the documents',
    },
  ];
}
