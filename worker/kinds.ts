// The step kinds of this worker: Pawl's own and those of temporal.config.ts.
import { kindImplementations } from '../activities/kinds/index.js';
import type { KindImplementation } from '../activities/kind.js';
import { readUserKinds } from '../activities/user-kinds.js';
import type { TemporalConfig } from '../schemas/config.js';
import { stepKinds } from '../schemas/generated/kinds.js';
import type { StepKind } from '../schemas/generated/step-kind.js';

export interface WorkerKinds {
  declarations: Readonly<Record<string, StepKind>>;
  /** Each loaded when first run. */
  implementations: Readonly<Record<string, () => Promise<KindImplementation>>>;
  /** From where the trainer imports those in Python. */
  pythonFolders: string[];
}

/** Fails with KindError when a kind of the configuration cannot be used. */
export function kindsOf({ kinds, packageRoot }: Pick<TemporalConfig, 'kinds' | 'packageRoot'>): WorkerKinds {
  const own = readUserKinds(kinds, packageRoot, Object.keys(stepKinds));
  return {
    declarations: {
      ...stepKinds,
      ...Object.fromEntries(own.map(({ declaration }) => [declaration.kind, declaration])),
    },
    implementations: {
      ...kindImplementations,
      ...Object.fromEntries(own.map(({ declaration, load }) => [declaration.kind, load])),
    },
    pythonFolders: own.flatMap(({ pythonFolder }) => (pythonFolder === null ? [] : [pythonFolder])),
  };
}
