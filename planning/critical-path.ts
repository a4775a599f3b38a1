// The longest chain of steps that wait for each other. Pure.

export interface TimedStep {
  name: string;
  deps: readonly string[];
  seconds: number;
}

/** Its length in seconds and its steps in order, those that take no time left out; the first of equals. Pure. */
export function criticalPath(steps: readonly TimedStep[]): { seconds: number; steps: string[] } {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const known = new Map<string, { seconds: number; steps: string[] }>();
  const upTo = (step: TimedStep): { seconds: number; steps: string[] } => {
    const found = known.get(step.name);
    if (found !== undefined) return found;
    let before: { seconds: number; steps: string[] } = { seconds: 0, steps: [] };
    for (const dep of step.deps) {
      const one = byName.get(dep);
      const chain = one === undefined ? null : upTo(one);
      if (chain !== null && chain.seconds > before.seconds) before = chain;
    }
    const steps = step.seconds > 0 ? [...before.steps, step.name] : before.steps;
    const chain = { seconds: before.seconds + step.seconds, steps };
    known.set(step.name, chain);
    return chain;
  };
  let longest: { seconds: number; steps: string[] } = { seconds: 0, steps: [] };
  for (const step of steps) {
    const chain = upTo(step);
    if (chain.seconds > longest.seconds) longest = chain;
  }
  return longest;
}
