import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkOutput } from '../../activities/check-output.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawl-output-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const check = (type: 'model' | 'folder') => checkOutput(folder, { kind: 'train.sft', name: 'model', type });

describe('an output', () => {
  it('of type folder may hold anything', async () => {
    await check('folder');
  });

  it('without its manifest is refused', async () => {
    await expect(check('model')).rejects.toThrow('`model` of train.sft is no model: pawl.json cannot be read');
  });

  it('whose manifest does not follow the schema is refused, with the place', async () => {
    await writeFile(join(folder, 'pawl.json'), '{"schema":1}');
    await expect(check('model')).rejects.toThrow(
      /pawl.json does not follow its schema: \/ must have required property/,
    );
  });
});
