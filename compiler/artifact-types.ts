// The types of artifacts, as carries and params name them.
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
