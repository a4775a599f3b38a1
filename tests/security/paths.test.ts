// Artifacts never leave their folder: every kind of hostile name at every door through which files come in or go out.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeOutputs } from '../../activities/commit-step.js';
import { stageInputs } from '../../activities/stage-inputs.js';
import { digestOf } from '../../schemas/identity.js';
import type { ArtifactType } from '../../schemas/generated/plan.js';
import { ingestFolder, materialise, readTree } from '../../store/artifacts.js';
import { loadCheckpoint, saveCheckpoint } from '../../store/checkpoints.js';
import { copyArtifact } from '../../store/copy-artifact.js';
import { digestInput, materialiseInput, putInput } from '../../store/files.js';
import { isRealFolder } from '../../store/folder-files.js';
import { commitResult } from '../../store/results.js';
import { names } from '../../store/store.js';
import { openBench, callOf, type Bench } from '../activities/bench.js';
import { resultOf } from '../store/fixtures.js';

let bench: Bench;
/** Everything that a test may leave behind, to see that nothing else was touched. */
let ground: string;
beforeAll(async () => {
  bench = await openBench();
  ground = mkdtempSync(join(tmpdir(), 'pawl-paths-'));
});
afterAll(async () => {
  await bench.close();
  rmSync(ground, { recursive: true, force: true });
});

const deep = 'd/'.repeat(600);
/** Lists of files as a hostile store may hold them, each with what is wrong. */
const lists: [string, string[]][] = [
  ['a parent', ['../escaped']],
  ['a parent in the middle', ['a/../../escaped']],
  ['a parent at the end', ['a/..']],
  ['an absolute path', ['/tmp/pawl-escaped']],
  ['itself', ['.']],
  ['an empty segment', ['a//b']],
  ['nothing', ['']],
  ['a folder', ['a/']],
  ['NUL', ['a\u0000b']],
  ['a new line', ['a\nb']],
  ['a backslash', ['..\\escaped']],
  ['a drive', ['C:\\escaped']],
  ['half a character', ['a\ud800']],
  ['a replaced character', ['a\ufffd']],
  ['a long name', ['x'.repeat(256)]],
  ['a name long in bytes', ['é'.repeat(128)]],
  ['a deep path', [`${deep}x`]],
  ['two names but for case', ['Model.bin', 'model.bin']],
  ['two folders but for case', ['A/x', 'a/X']],
  ['two names but for how accents are written', ['caf\u00e9', 'cafe\u0301']],
  ['a file that is a folder of another', ['a', 'A/x']],
];

/** The doors by which a tree of the store comes out. */
const ways: [string, (tree: string) => Promise<unknown>][] = [
  ['reading', (tree) => readTree(bench.store, tree)],
  ['materialising', (tree) => materialise(bench.store, join(ground, 'cache'), tree)],
  ['a folder input', (digest) => materialiseInput(bench.store, join(ground, 'cache'), { digest, folder: true })],
  ['a checkpoint', loaded],
  ['`pawl artifacts get`', (tree) => copyArtifact(bench.store, tree, join(ground, 'copy'))],
  ['staging', staged],
];

const checkpointOf = (tree: string) => ({
  ...{ schema: 1 as const, key: 'k', attempt: 'a', step: 1, tree, bytes: 3, journalOffset: 0 },
  ...{ provenance: {}, createdAt: '2026-01-01T00:00:00.000Z' },
});

/** One that is damaged counts as none. */
async function loaded(tree: string): Promise<unknown> {
  const checkpoint = await loadCheckpoint(bench.store, join(ground, 'cache'), checkpointOf(tree));
  return checkpoint ?? readTree(bench.store, tree);
}

async function staged(tree: string): Promise<unknown> {
  const key = digestOf(tree).slice(7);
  const outputs = { folder: { type: 'folder' as const, tree, bytes: 3, files: 1 } };
  // As somebody with access to the store would write it; a commit would find the tree wanting.
  await bench.store.put(names.result(key), JSON.stringify(resultOf(key, outputs)));
  const lease = bench.host.cache.lease();
  return stageInputs(bench.host, lease, { in: { $artifact: { key, output: 'folder', type: 'folder' } } });
}

describe('a list of files in the store', () => {
  it.each(lists)('with %s comes out by no door', async (_, paths) => {
    const digest = digestOf('bee');
    await bench.store.createIfAbsent(names.blob(digest), 'bee');
    const body = JSON.stringify({ files: paths.map((path) => ({ bytes: 3, digest, path })), schema: 1 });
    const tree = digestOf(body);
    await bench.store.createIfAbsent(names.blob(tree), body);
    for (const [door, open] of ways) {
      const failure = await open(tree).then(
        () => null,
        (error: unknown) => error as { failureClass?: string; message: string },
      );
      expect([door, failure?.failureClass, failure?.message]).toEqual([
        door,
        'artifact_damaged',
        expect.stringContaining('lists "'),
      ]);
    }
    expect(existsSync('/tmp/pawl-escaped')).toBe(false);
    expect(readdirSync(ground).filter((name) => name !== 'cache' && name !== 'doors')).toEqual([]);
    expect(existsSync(join(ground, 'cache')) ? readdirSync(join(ground, 'cache')) : []).toEqual([]);
  });

  it('with names that Windows keeps for itself comes out as plain files: Pawl does not run there', async () => {
    const folder = join(ground, 'doors', 'reserved');
    mkdirSync(folder, { recursive: true });
    for (const name of ['CON', 'aux.c', 'lpt1.txt', 'a:b', 'dot.']) writeFileSync(join(folder, name), name);
    const { tree } = await ingestFolder(bench.store, folder, 'folder');
    const out = await materialise(bench.store, join(ground, 'doors', 'cache'), tree);
    expect(readdirSync(out).sort()).toEqual(['CON', 'a:b', 'aux.c', 'dot.', 'lpt1.txt']);
  });
});

/** Folders as a program may leave them. */
const folders: [string, (folder: string) => void][] = [
  ['a link to a file outside', (folder) => symlinkSync('/etc/passwd', join(folder, 'manifest.json'))],
  ['a link to a folder outside', (folder) => symlinkSync('/etc', join(folder, 'etc'))],
  ['a link to itself', (folder) => symlinkSync(folder, join(folder, 'again'))],
  ['a link to nothing', (folder) => symlinkSync('nowhere', join(folder, 'gone'))],
  ['a backslash in a name', (folder) => writeFileSync(join(folder, '..\\x'), '')],
  ['bytes that are no UTF-8', (folder) => writeFileSync(Buffer.from(`${folder}/\xff`, 'latin1'), '')],
  ['two names but for case', (folder) => ['a', 'A'].forEach((name) => writeFileSync(join(folder, name), name))],
  [
    'two names but for accents',
    (folder) => ['caf\u00e9', 'cafe\u0301'].forEach((name) => writeFileSync(join(folder, name), name)),
  ],
];

const doorsIn: [string, (folder: string, type: ArtifactType) => Promise<unknown>][] = [
  ['an artifact', (folder) => ingestFolder(bench.store, folder, 'folder')],
  ['a folder input', (folder) => putInput(bench.store, folder)],
  ['the digest of one', (folder) => digestInput(folder)],
  [
    'a checkpoint',
    (folder) =>
      saveCheckpoint(bench.store, {
        ...{ checkpointKey: 'k', attempt: 'a', step: 1, folder, journalOffset: 0, provenance: {}, createdAt: '' },
      }),
  ],
];

describe('a folder on its way in', () => {
  it.each(folders)('with %s comes in by no door', async (name, fill) => {
    const folder = join(ground, 'doors', name.replaceAll(' ', '-'));
    mkdirSync(folder, { recursive: true });
    fill(folder);
    for (const [door, open] of doorsIn) {
      const failure = await open(folder, 'folder').then(
        () => null,
        (error: unknown) => error as { failureClass?: string },
      );
      expect([door, failure?.failureClass]).toEqual([door, 'data']);
    }
  });

  it.each(['outputs/folder', 'outputs'])('is not read when a step has put a link in the place of %s', async (place) => {
    const attempt = mkdtempSync(join(ground, 'doors', 'attempt-'));
    const secret = mkdtempSync(join(ground, 'doors', 'secret-'));
    mkdirSync(join(secret, 'folder'));
    writeFileSync(join(secret, 'folder', 'a'), 'not an output');
    if (place === 'outputs') symlinkSync(secret, join(attempt, 'outputs'));
    else {
      mkdirSync(join(attempt, 'outputs'));
      symlinkSync(join(secret, 'folder'), join(attempt, 'outputs', 'folder'));
    }
    const call = callOf(bench, 'test.sleep', { steps: 1 });
    await expect(storeOutputs(bench.store, call, attempt)).rejects.toThrow(/a link in its place/);
    expect(await bench.store.head(names.blob(digestOf('not an output')))).toBe(null);
  });

  it('is only one that lies below its base', async () => {
    const base = mkdtempSync(join(ground, 'doors', 'base-'));
    mkdirSync(join(base, '..a', 'b'), { recursive: true });
    symlinkSync(join(base, '..a'), join(base, 'link'));
    const of = (name: string): Promise<boolean> => isRealFolder(base, join(base, name));
    expect(await Promise.all(['..a', '..a/b', 'link', 'link/b', '..', '.', 'gone'].map(of))).toEqual([
      ...[true, true, false, false, false, false, false],
    ]);
  });

  it('is committed when nothing is wrong with it', async () => {
    const folder = join(ground, 'doors', 'fine');
    mkdirSync(join(folder, 'a'), { recursive: true });
    writeFileSync(join(folder, 'a', 'Ünï code.txt'), 'fine');
    const stored = await ingestFolder(bench.store, folder, 'folder');
    const { committed } = await commitResult(bench.store, resultOf('fine', { folder: stored }));
    expect(committed).toBe(true);
  });
});
