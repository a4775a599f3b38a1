// Which files make the result of a step kind, and whether they are still those that its version stands for.
// The record is schemas/kind-implementations.json: kind -> version, digests of its files, and the test that showed that a
// later change of them makes the same result.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

const recordPath = 'schemas/kind-implementations.json';
/** TypeScript beyond these folders carries results, and does not make them. */
const tsFolders = ['activities/kinds/', 'retrieval/'];
/** Of all kinds: they read inputs, and start operations. */
const plumbing = ['activities/kinds/inputs.ts', 'activities/kinds/trainer-op.ts', 'retrieval/retrieval-error.ts'];
/** The same in the trainer. */
const trainerPlumbing = [
  'cache',
  'declaration',
  'failures',
  'job',
  'operations',
  'protocol',
  'provenance',
  'schemas',
  'serve',
];
const trainer = 'trainer/pawl_trainer';

/**
 * @typedef {{ version: number, files: Record<string, string>, sameResult?: string }} Implementation
 */

/**
 * What is not as recorded, each with the way out; empty when all is well.
 * @param {string} root @returns {string[]}
 */
export function faultsOf(root) {
  const record = readRecord(root);
  const versions = versionsOf(root);
  const gone = Object.keys(record).filter((kind) => !versions.has(kind));
  return [
    ...gone.map(
      (kind) => `${kind}: it is recorded, but not declared. \`node scripts/kinds.mjs accept ${kind}\` removes it.`,
    ),
    ...[...versions].flatMap(([kind, version]) =>
      faultOf(kind, record[kind], { version, files: digestsOf(root, kind) }),
    ),
  ];
}

function faultOf(kind, recorded, now) {
  const accept = `\`node scripts/kinds.mjs accept ${kind}`;
  if (recorded === undefined) return [`${kind}: its files are not recorded yet: ${accept}\`.`];
  const changed = changedFiles(recorded.files, now.files);
  if (changed.length === 0 && recorded.version === now.version) return [];
  if (recorded.version !== now.version)
    return [`${kind}: version ${now.version} is declared and ${recorded.version} recorded: ${accept}\`.`];
  return [
    `${kind}: its version is still ${now.version}, but ${changed.join(', ')} changed: results of the old code would be taken for those of the new.\n` +
      `    Raise \`version\` in schemas/steps/${kind}.json, then ${accept}\`. Where a test shows that the results are the same bytes: ${accept} --same-result tests/…\`.`,
  ];
}

function changedFiles(before, after) {
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return paths.filter((path) => before[path] !== after[path]);
}

/**
 * Records kinds as they are now. Throws an Error that says what to do when a kind has changed under the same version and
 * no test is named. @param {string} root @param {string[]} kinds @param {{ sameResult: string | null }} options
 */
export function accept(root, kinds, { sameResult }) {
  if (sameResult !== null && !existsSync(join(root, sameResult)))
    throw new Error(`${sameResult} does not exist. Name the test that shows the same result.`);
  const record = readRecord(root);
  const versions = versionsOf(root);
  for (const kind of kinds) {
    const version = versions.get(kind);
    const before = record[kind];
    if (version === undefined && before === undefined) throw new Error(`There is no step kind ${kind}.`);
    if (version === undefined) delete record[kind];
    else record[kind] = accepted(kind, before, { version, files: digestsOf(root, kind) }, sameResult);
  }
  const sorted = Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(join(root, recordPath), `${JSON.stringify(sorted, null, 2)}\n`);
}

function accepted(kind, before, now, sameResult) {
  if (before === undefined || now.version > before.version) return now;
  if (now.version < before.version)
    throw new Error(
      `${kind}: version ${before.version} was there already; ${now.version} would bring its results back.`,
    );
  if (changedFiles(before.files, now.files).length === 0) return before;
  if (sameResult === null) throw new Error(`${faultOf(kind, before, now)[0]}`);
  return { ...now, sameResult };
}

/** @returns {Record<string, Implementation>} */
function readRecord(root) {
  const path = join(root, recordPath);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
}

/** Kind -> declared version; that of commands is in schemas/command.ts. */
function versionsOf(root) {
  const folder = join(root, 'schemas', 'steps');
  const declared = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
  const command = /commandVersion = (\d+)/.exec(textOf(root, 'schemas/command.ts'))?.[1];
  return new Map([
    ...declared.map(({ kind, version }) => [kind, version]),
    ...(command === undefined ? [] : [['command', Number(command)]]),
  ]);
}

/** Path -> digest of every file that makes the result of a kind. */
function digestsOf(root, kind) {
  const files = reachable([`activities/kinds/${kind.replace('.', '-')}.ts`], (path) => importsOf(root, path));
  const made = [...files].filter((path) => existsSync(join(root, path))).sort();
  return Object.fromEntries(made.map((path) => [path, digest(textOf(root, path))]));
}

function reachable(start, next) {
  const seen = new Set(start);
  for (const path of seen) for (const other of next(path)) seen.add(other);
  return seen;
}

const importsOf = (root, path) =>
  path.endsWith('.py') ? pythonImports(textOf(root, path)) : [...tsImports(root, path), ...operationsIn(root, path)];

/** Imports of values, and what threads run: types make no result. */
function tsImports(root, path) {
  const text = textOf(root, path);
  const imported = text.matchAll(/^import (?!type\b)[^;]*?from '(\.[^']+)\.js';/gms);
  return [...imported, ...text.matchAll(/new URL\('(\.[^']+)\.js'/g)]
    .map(([, target]) => `${posix.join(dirname(path), target)}.ts`)
    .filter((file) => tsFolders.some((folder) => file.startsWith(folder)) && !plumbing.includes(file));
}

/** Modules of the operations that a file runs in the trainer, as operations.py names them. */
function operationsIn(root, path) {
  const table = textOf(root, `${trainer}/operations.py`);
  return [...textOf(root, path).matchAll(/(?:\bop: |trainerOp\()'(\w+)'/g)].flatMap(([, operation]) => {
    const module = new RegExp(`"${operation}": \\("(\\w+)"`).exec(table)?.[1];
    return module === undefined ? [] : [`${trainer}/${module}.py`];
  });
}

function pythonImports(text) {
  const inside = [...text.matchAll(/^from pawl_trainer\.(\w+) import/gm)].map(([, module]) => module);
  const listed = [...text.matchAll(/^from pawl_trainer import (?:\(([^)]*)\)|(.+)$)/gm)].flatMap(([, lines, line]) =>
    (lines ?? line).split(',').map((name) => name.trim().split(' ')[0]),
  );
  return [...inside, ...listed]
    .filter((name) => !trainerPlumbing.includes(name))
    .map((name) => `${trainer}/${name}.py`);
}

const textOf = (root, path) => (existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '');
const digest = (text) => createHash('sha256').update(text).digest('hex').slice(0, 16);
