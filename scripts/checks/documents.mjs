// The documents say what is there: relative links lead to files, and `npm run` names a script.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../setup.mjs';

const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
});
const documents = listed.trim().split('\n').filter((path) => path !== '' && existsSync(join(root, path))); // prettier-ignore
const scripts = Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts);

/** What is wrong in one document, as `file:line: message`. */
function faultsOf(path) {
  const faults = [];
  for (const [index, line] of readFileSync(join(root, path), 'utf8').split('\n').entries()) {
    const at = `${path}:${index + 1}`;
    for (const [, target] of line.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (!existsSync(join(root, dirname(path), target))) faults.push(`${at}: the link to ${target} leads nowhere`);
    }
    for (const [, script] of line.matchAll(/npm run ([a-z:-]+)/g)) {
      if (!scripts.includes(script)) faults.push(`${at}: there is no script "${script}" in package.json`);
    }
  }
  return faults;
}

const faults = documents.flatMap(faultsOf);
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
