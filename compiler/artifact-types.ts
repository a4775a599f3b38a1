// The types of artifacts, as carries, params and outputs of commands name them.
import type { ArtifactType } from '../schemas/generated/plan.js';

export const artifactTypes: readonly ArtifactType[] = [
  'dataset',
  'model',
  'trainer-state',
  'index',
  'rollouts',
  'report',
  'folder',
];

/** The artifact type of that name; null when there is none. Pure. */
export const artifactTypeOf = (name: unknown): ArtifactType | null =>
  artifactTypes.find((item) => item === name) ?? null;
