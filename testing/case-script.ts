// What a case does to the run besides faking its steps: decisions on gates, a pause, a cancellation.
import { childMap } from '../compiler/authored.js';
import type { AuthoredMap } from '../compiler/authored.js';
import { covers, findTarget, specificity } from './paths.js';
import type { Target } from './paths.js';
import { readFakes } from './fakes.js';
import type { Fake } from './fakes.js';
import { durationUnder, entriesUnder, flagUnder, targetOf, textUnder } from './reading.js';
import type { Reading } from './reading.js';
import type { Plan } from '../schemas/generated/plan.js';

export interface CaseScript {
  plan: Plan;
  fakes: Fake[];
  decisions: Decision[];
  pause: { atMs: number; forMs: number | null; now: boolean } | null;
  cancelAtMs: number | null;
}

export interface Decision {
  target: Target;
  verdict: 'approve' | 'reject';
  afterMs: number;
  by: string;
  note: string;
}

/** What a case asks for; what is wrong is reported. */
export function readScript(reading: Reading, shared: AuthoredMap, own: AuthoredMap): CaseScript {
  const pause = childMap(own, 'pause');
  const atMs = durationUnder(reading, pause, 'at');
  return {
    plan: reading.plan,
    fakes: readFakes(reading, shared, own),
    decisions: [...readDecisions(reading, own, 'approve'), ...readDecisions(reading, own, 'reject')],
    pause:
      atMs === null
        ? null
        : { atMs, forMs: durationUnder(reading, pause, 'for'), now: flagUnder(pause, 'now') ?? false },
    cancelAtMs: durationUnder(reading, childMap(own, 'cancel'), 'at'),
  };
}

function readDecisions(reading: Reading, own: AuthoredMap, verdict: Decision['verdict']): Decision[] {
  const { file, diagnostics } = reading;
  return entriesUnder(own, verdict).flatMap(({ name, key, value }): Decision[] => {
    const target = targetOf(reading, name, key);
    const map = value.form === 'map' ? value : undefined;
    const afterMs = durationUnder(reading, map, 'after') ?? 0;
    if (target === null) return [];
    if (target.node.node !== 'gate' || target.node.approve === null) {
      const message = `\`${name}\` ${target.node.node === 'gate' ? 'asks nobody for approval' : 'is no gate'}`;
      const hint = 'a gate with `approve` waits for a person';
      diagnostics.push(file.error('bad-value', key, message, { hint }));
      return [];
    }
    return [{ target, verdict, afterMs, by: textUnder(map, 'by', 'test'), note: textUnder(map, 'note', '') }];
  });
}

/** What is decided on the gate at a path of the run: the decision that names its iteration first; null = nothing. Pure. */
export function decisionFor({ plan, decisions }: CaseScript, path: string): Decision | null {
  const target = findTarget(plan.steps, path);
  if (target === null) return null;
  const fitting = decisions.filter((decision) => covers(decision.target, target));
  return fitting.sort((a, b) => specificity(b.target) - specificity(a.target))[0] ?? null;
}
