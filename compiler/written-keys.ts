// Which keys of its steps the author has written, so that what is a default can be marked as one. Pure.
import type { Authored, AuthoredMap } from './authored.js';
import { childMap } from './authored.js';
import type { Step } from './pipeline.js';

/** Keys of a step that are no settings: what they hold has names of its own, or is the step itself. */
const notSettings = new Set(['uses', 'loop', 'gate', 'needs', 'if', 'else']);

/**
 * `sft.with.lr`, `sft.retry.attempts`, `rl.update.resources.gpus` for every step of a kind, sorted; what `defaults` of the
 * file give counts as written for all its steps.
 */
export function writtenKeys(steps: readonly Step[], pathOf: (step: Step) => string): string[] {
  const written = steps.flatMap((step) => {
    const own = keysIn(step.map, pathOf(step));
    const shared = childMap(step.scope.unit.root, 'defaults');
    return shared === undefined ? own : [...own, ...keysIn(shared, pathOf(step))];
  });
  return [...new Set(written)].sort();
}

function keysIn(map: AuthoredMap, path: string): string[] {
  const leaves = (value: Authored, at: string, depth: number): string[] =>
    value.form === 'map' && depth > 0
      ? [...value.entries].flatMap(([name, entry]) => leaves(entry.value, `${at}.${name}`, depth - 1))
      : [at];
  return [...map.entries]
    .filter(([name]) => !notSettings.has(name))
    .flatMap(([name, { value }]) => leaves(value, `${path}.${name}`, name === 'with' ? 1 : 2));
}
