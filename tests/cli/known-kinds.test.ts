import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { editorSchemaText } from '../../cli/editor-schema-text.js';
import { knownKinds } from '../../cli/known-kinds.js';
import { stepKinds } from '../../schemas/generated/kinds.js';

const packageRoot = resolve(import.meta.dirname, '../fixtures/kinds');

it('the kinds of pipelines are those of Pawl and those of the configuration', async () => {
  const kinds = [{ declaration: './shout.json' }];
  expect(await knownKinds({ kinds: [], packageRoot })).toEqual(stepKinds);
  expect(await knownKinds({ kinds, packageRoot })).toMatchObject({ ...stepKinds, 'acme.shout': { version: 1 } });
  expect(await editorSchemaText({ kinds, packageRoot })).toContain('"with acme.shout"');
});

it('every fault of every declaration is shown at once', async () => {
  const kinds = ['./shout.json', './none.json', './shout.json'].map((declaration) => ({ declaration }));
  const failure = knownKinds({ kinds, packageRoot });
  await expect(failure).rejects.toMatchObject({ exitCode: 2 });
  await expect(failure).rejects.toThrow(
    /none\.json does not exist[\s\S]*shout\.json:2:11: there is a step kind `acme\.shout` already: tests\/fixtures\/kinds\/shout\.json declares it/,
  );
});
