// Before an output is stored it is checked against the schema of its type: what is committed once should be right.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactType } from '../schemas/generated/plan.js';
import * as validators from '../schemas/generated/validators.js';
import type { Validator } from '../schemas/generated/validators.js';
import { StepFailure } from './kind.js';

const manifests: Record<ArtifactType, { file: string; validator: Validator } | null> = {
  dataset: { file: 'manifest.json', validator: validators.dataset },
  model: { file: 'pawl.json', validator: validators.model },
  'trainer-state': { file: 'state.json', validator: validators.trainerState },
  index: { file: 'manifest.json', validator: validators.index },
  rollouts: { file: 'manifest.json', validator: validators.rollouts },
  report: { file: 'report.json', validator: validators.report },
  folder: null,
};

/** Fails with internal when the folder is not an artifact of this type. Reads its manifest only. */
export async function checkOutput(
  folder: string,
  output: { kind: string; name: string; type: ArtifactType },
): Promise<void> {
  const manifest = manifests[output.type];
  if (manifest === null) return;
  const where = `The output \`${output.name}\` of ${output.kind} is no ${output.type}`;
  let value: unknown;
  try {
    value = JSON.parse(await readFile(join(folder, manifest.file), 'utf8'));
  } catch (error) {
    throw new StepFailure(
      'internal',
      `${where}: ${manifest.file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (manifest.validator(value)) return;
  const [first] = manifest.validator.errors ?? [];
  const place = first === undefined ? '' : `: ${first.instancePath || '/'} ${first.message ?? ''}`;
  throw new StepFailure('internal', `${where}: ${manifest.file} does not follow its schema${place}.`);
}
