// What the plan carries of the declarations of step kinds.
import type { PlanKind } from '../schemas/generated/plan.js';
import type { StepKind } from '../schemas/generated/step-kind.js';
import type { Analysis } from './analysis.js';
import { isCommand } from './fields.js';

/** The declared kinds that the steps use, those of shards among them; a command has its own declaration. Pure. */
export function usedKinds({ pipeline }: Analysis): Record<string, PlanKind> {
  const used = pipeline.steps.flatMap((step) => {
    if (step.kind === null || isCommand(step)) return [];
    const split = step.map.entries.has('shards') ? step.kind.shards : undefined;
    const ofShards = split === undefined ? undefined : pipeline.kinds[split.kind];
    return [step.kind, ...(ofShards === undefined ? [] : [ofShards])];
  });
  return Object.fromEntries(used.map((kind) => [kind.kind, planKind(kind)]));
}

/** What the interpreter needs of a declaration. Pure. */
export function planKind(kind: StepKind): PlanKind {
  const inputs = Object.entries(kind.inputs).map(
    ([name, input]) =>
      [
        name,
        'artifact' in input
          ? { artifact: input.artifact, required: input.required, checkpointKey: true }
          : { artifact: null, required: input.default === undefined, checkpointKey: input.checkpointKey ?? true },
      ] as const,
  );
  return {
    version: kind.version,
    runs: kind.runs,
    seeded: kind.seeded,
    checkpoints: kind.checkpoints,
    inputs: Object.fromEntries(inputs),
    outputs: Object.fromEntries(Object.entries(kind.outputs).map(([name, { artifact }]) => [name, artifact])),
    metrics: Object.keys(kind.metrics).sort(),
    environment: [...kind.environment].sort(),
  };
}
