// docs/testing-pipelines.md is whole. (Its pipeline and its test file are run by tests/documents/yaml-blocks.test.ts.)
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { pipelineTestSchema } from '../../schemas/generated/pipeline-test-schema.js';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'testing-pipelines.md'), 'utf8');

it('every key that may be written is on the page', () => {
  const definitions = pipelineTestSchema['$defs'] as Record<string, { properties?: object }>;
  const keys = ['Fake', 'Fails', 'Case', 'Expect'].flatMap((name) => Object.keys(definitions[name]?.properties ?? {}));
  expect(keys.filter((key) => key !== 'description' && !new RegExp(`\\b${key}\\b`).test(page))).toEqual([]);
});
