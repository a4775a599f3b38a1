// `npm run format`: writes what prettier, eslint and ruff can mend by themselves.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, setUpOrExit } from './setup.mjs';

await setUpOrExit({ build: false });
const node = (path, ...args) => [process.execPath, join(root, 'node_modules', ...path.split('/')), ...args];
const ruff = [join(root, '.pawl', 'python', 'bin', 'python'), '-m', 'ruff'];
const python = ['--config', 'trainer/pyproject.toml', 'trainer', 'tests/trainer', 'bench', 'pipelines'];
for (const [command, ...args] of [
  node('eslint/bin/eslint.js', '--fix', '.'),
  node('prettier/bin/prettier.cjs', '--write', '--log-level', 'warn', '.'),
  [...ruff, 'check', '--fix', ...python],
  [...ruff, 'format', ...python],
]) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
