// On a copy of the repository's own step kinds.
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accept, faultsOf } from '../../scripts/kinds/implementations.mjs';

const repository = resolve(import.meta.dirname, '../..');
const record = 'schemas/kind-implementations.json';
const parts = ['schemas/steps', 'schemas/command.ts', record, 'activities/kinds', 'retrieval', 'trainer/pawl_trainer'];

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pawl-kinds-'));
  for (const part of parts) cpSync(join(repository, part), join(root, part), { recursive: true });
  // As if all were recorded: whether they are is for `npm run verify` to say.
  rmSync(join(root, record));
  accept(root, faultsOf(root).map((fault) => fault.split(':')[0] ?? ''), { sameResult: null }); // prettier-ignore
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const touch = (path: string): void => appendFileSync(join(root, path), '\n# changed\n');
const raise = (kind: string, version: number): void => {
  const path = join(root, 'schemas', 'steps', `${kind}.json`);
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"version": \d+/, `"version": ${version}`));
};
const kindsAtFault = (): string[] => faultsOf(root).map((fault) => fault.split(':')[0] ?? '');

describe('the record of what makes the result of a step kind', () => {
  it('is at peace with kinds as they were recorded', () => {
    expect(faultsOf(root)).toEqual([]);
  });

  it('notices the kind itself, what it imports, what its threads run, and the modules of its operation', () => {
    touch('activities/kinds/test-sleep.ts');
    expect(kindsAtFault()).toEqual(['test.sleep']);
    touch('retrieval/formats/beir.ts');
    expect(kindsAtFault()).toEqual(['data.jsonl', 'test.sleep']);
    touch('retrieval/exact-search.ts');
    expect(kindsAtFault()).toContain('rl.reward');
    touch('trainer/pawl_trainer/sft_losses.py');
    expect(kindsAtFault()).toContain('train.sft');
    expect(kindsAtFault()).not.toContain('rl.update');
    expect(faultsOf(root).find((fault) => fault.startsWith('train.sft'))).toBe(
      'train.sft: its version is still 2, but trainer/pawl_trainer/sft_losses.py changed: results of the old code would be taken for those of the new.\n' +
        '    Raise `version` in schemas/steps/train.sft.json, then `node scripts/kinds.mjs accept train.sft`. Where a test shows that the results are the same bytes: `node scripts/kinds.mjs accept train.sft --same-result tests/…`.',
    );
  });

  it('takes a higher version, and no lower one', () => {
    touch('activities/kinds/test-sleep.ts');
    expect(() => accept(root, ['test.sleep'], { sameResult: null })).toThrow('its version is still 1');
    raise('test.sleep', 2);
    expect(faultsOf(root)).toEqual([
      'test.sleep: version 2 is declared and 1 recorded: `node scripts/kinds.mjs accept test.sleep`.',
    ]);
    accept(root, ['test.sleep'], { sameResult: null });
    expect(faultsOf(root)).toEqual([]);
    raise('test.sleep', 1);
    expect(() => accept(root, ['test.sleep'], { sameResult: null })).toThrow('version 2 was there already');
  });

  it('takes the same version with a test that exists, and says which', () => {
    touch('activities/kinds/test-sleep.ts');
    expect(() => accept(root, ['test.sleep'], { sameResult: 'tests/none.test.ts' })).toThrow('does not exist');
    writeFileSync(join(root, 'golden.test.ts'), '');
    accept(root, ['test.sleep'], { sameResult: 'golden.test.ts' });
    expect(faultsOf(root)).toEqual([]);
    const recorded = JSON.parse(readFileSync(join(root, record), 'utf8')) as Record<string, { sameResult?: string }>;
    expect(recorded['test.sleep']?.sameResult).toBe('golden.test.ts');
  });

  it('knows kinds that are new, and forgets those that are gone', () => {
    const declared = join(root, 'schemas', 'steps', 'test.fail.json');
    writeFileSync(declared.replace('fail', 'new'), readFileSync(declared, 'utf8').replace('test.fail', 'test.new'));
    rmSync(declared);
    expect(kindsAtFault().sort()).toEqual(['test.fail', 'test.new']);
    accept(root, ['test.fail', 'test.new'], { sameResult: null });
    expect(faultsOf(root)).toEqual([]);
  });
});
