// What a trainer has to do so that its work survives: tried one after the other, by running it and stopping it.
import { cwd } from 'node:process';
import { join } from 'node:path';
import { attempt, type Attempted, type Saved, type Stop, type Trainer } from './attempt.js';
import { changedIn, digestsOf, marksOf, type Digests } from './digests.js';
import { seriesFaults, seriesOf, type Series } from './series.js';

export interface Check {
  name: string;
  state: 'ok' | 'fails' | 'not tried';
  detail: string;
}

/** Exit codes with which a trainer says that it stopped because it was asked to. */
const preemptedCodes = [15, 143];
/** What others write while it runs, and what interpreters and libraries keep for themselves. */
const notItsOwn = { here: /^\.|^(__pycache__|node_modules|dist)$/, home: /^\.cache$/ };

interface Tried {
  trainer: Trainer;
  /** Counts attempts. */
  next: () => number;
  first: Attempted;
  expected: Series;
  again: Series;
  /** What went wrong with points in any of the resumed runs. */
  pointFaults: Set<string>;
  checks: Check[];
}

/** Tries everything; `say` is told of each check as it ends. */
export async function conformance(trainer: Trainer, say: (check: Check) => void): Promise<Check[]> {
  const checks: Check[] = [];
  const add = (name: string, faults: readonly string[], detail: string, state?: Check['state']): boolean => {
    const check: Check =
      faults.length > 0 ? { name, state: 'fails', detail: shown(faults) } : { name, state: state ?? 'ok', detail };
    checks.push(check);
    say(check);
    return faults.length === 0;
  };
  let count = 0;
  const next = (): number => ++count;
  const strays = await watchStrays(join(trainer.root, 'home'));

  const first = await attempt(trainer, { number: next(), resume: null, stop: null });
  if (
    !add(
      'ends well',
      endFaults(trainer, first),
      `${first.events.length} events, ${Object.keys(first.outputs).length} files`,
    )
  )
    return checks;
  const second = await attempt(trainer, { number: next(), resume: null, stop: null });
  const [expected, again] = [seriesOf([first]), seriesOf([second])];
  const isRepeatable = add(
    'is repeatable',
    [...endFaults(trainer, second), ...fileFaults(first.outputs, second.outputs, 'two undisturbed runs')],
    'two undisturbed runs end with the same files',
  );
  const hasCheckpoints = add('writes checkpoints', await checkpointFaults(first), stepsOf(first.saved));
  if (isRepeatable && hasCheckpoints) {
    const tried: Tried = { trainer, next, first, expected, again, pointFaults: new Set(), checks };
    for (const scenario of scenariosOf(first)) {
      const { faults, detail, state } = await resumed(tried, scenario);
      add(scenario.name, faults, detail, state);
    }
    add('reports each point once', [...tried.pointFaults], `${Object.keys(expected).length} points`);
  } else {
    for (const { name } of scenariosOf(first)) add(name, [], 'what comes before fails', 'not tried');
    add('reports each point once', [], 'what comes before fails', 'not tried');
  }
  add('writes only in its folder', await strays(), 'nothing in its home, and nothing where this command was called');
  return checks;
}

/** Remembers what is there; the answer says what has changed since. */
async function watchStrays(home: string): Promise<() => Promise<string[]>> {
  const look = (): Promise<[string, Digests][]> =>
    Promise.all([
      marksOf(cwd(), notItsOwn.here).then((marks): [string, Digests] => [cwd(), marks]),
      marksOf(home, notItsOwn.home).then((marks): [string, Digests] => ['its home', marks]),
    ]);
  const before = await look();
  return async () =>
    (await look()).flatMap(([place, marks], index) =>
      changedIn(before[index]?.[1] ?? {}, marks).map((path) => `it wrote ${path} in ${place}`),
    );
}

function endFaults(trainer: Trainer, { end, isLate, outputs, problems, tail }: Attempted): string[] {
  const lines = tail.trim().split('\n').slice(-3).join(' / ');
  if (isLate) return [`it did not end within ${trainer.timeoutMs / 1000} s`];
  if (end.error !== null) return [`it cannot be started: ${end.error}`];
  if (end.code !== 0) return [`it ended with ${end.signal ?? `exit code ${end.code}`}: ${lines}`];
  const empty = trainer.outputs.filter((name) => !Object.keys(outputs).some((path) => path.startsWith(`${name}/`)));
  return [...empty.map((name) => `it left nothing in its output \`${name}\``), ...problems];
}

const fileFaults = (expected: Digests, found: Digests, what: string): string[] =>
  changedIn(expected, found).map((path) => `${path} differs between ${what}`);

async function checkpointFaults({ saved }: Attempted): Promise<string[]> {
  if (saved.length < 2) return [`it named ${saved.length}; at least two are needed to try the rest (--every)`];
  const steps = saved.map(({ step }) => step);
  const faults = steps.some((step, index) => index > 0 && step <= (steps[index - 1] ?? 0))
    ? [`their steps do not grow: ${steps.join(', ')}`]
    : [];
  for (const { step, path, digests } of saved)
    for (const file of changedIn(digests, await digestsOf(path)))
      faults.push(`${file} of step ${step} was written after the checkpoint was named`);
  return faults;
}

const stepsOf = (saved: readonly Saved[]): string => `after the steps ${saved.map(({ step }) => step).join(', ')}`;

interface Scenario {
  name: string;
  stops: Stop[];
}

/** Where it is stopped, from what the undisturbed run said. */
function scenariosOf({ saved }: Attempted): Scenario[] {
  const steps = saved.map(({ step }) => step);
  const chosen = [...new Set([steps[0], steps[Math.floor(steps.length / 2)], steps.at(-1)])];
  const kill = (when: Stop['when']): Stop => ({ how: 'kill', when });
  const after =
    (step: number): Stop['when'] =>
    ({ events }) =>
      events.some((event) => event.type === 'checkpoint' && event.step >= step);
  const past =
    (step: number): Stop['when'] =>
    ({ events }) =>
      events.some((event) => (event.type === 'metrics' || event.type === 'progress') && event.step > step);
  return [
    {
      name: 'resumes after kill -9 at a checkpoint',
      stops: chosen.flatMap((step) => (step === undefined ? [] : [kill(after(step))])),
    },
    { name: 'resumes after kill -9 between two', stops: [kill(past((steps[0] ?? 0) + 1))] },
    {
      name: 'ignores a half-written checkpoint',
      stops: [kill((seen) => seen.isWriting && after(steps[0] ?? 0)(seen))],
    },
    { name: 'stops on SIGTERM with a checkpoint', stops: [{ how: 'terminate', when: past((steps[0] ?? 0) + 1) }] },
  ];
}

/** Stops it, lets it go on from its newest checkpoint, and compares the end. */
async function resumed(
  tried: Tried,
  { stops }: Scenario,
): Promise<Pick<Check, 'detail'> & { faults: string[]; state?: 'not tried' }> {
  const faults: string[] = [];
  const from: number[] = [];
  for (const stop of stops) {
    const stopped = await attempt(tried.trainer, { number: tried.next(), resume: null, stop });
    if (!stopped.isStopped) continue;
    faults.push(...stopped.problems, ...(stop.how === 'terminate' ? stopFaults(tried.trainer, stopped) : []));
    const newest = stopped.saved.at(-1) ?? null;
    const ended = await attempt(tried.trainer, { number: tried.next(), resume: newest, stop: null });
    from.push(newest?.step ?? 0);
    const what = `an undisturbed run and one that went on from step ${newest?.step ?? 0}`;
    faults.push(...endFaults(tried.trainer, ended), ...fileFaults(tried.first.outputs, ended.outputs, what));
    if (newest !== null && changedIn(newest.digests, await digestsOf(newest.path)).length > 0)
      faults.push(`it changed the checkpoint of step ${newest.step} that it was given to read`);
    for (const fault of seriesFaults(seriesOf([stopped, ended]), tried.expected, tried.again))
      tried.pointFaults.add(fault);
  }
  if (from.length === 0)
    return { faults, detail: 'it was never seen there: its steps are too fast', state: 'not tried' };
  return {
    faults,
    detail: `went on from ${from.length === 1 ? 'step' : 'the steps'} ${from.join(', ')}: the same files`,
  };
}

function stopFaults({ graceMs }: Trainer, { end, events, saved, stoppedForMs }: Attempted): string[] {
  const said = saved.at(-1)?.step ?? 0;
  const reached = Math.max(0, ...events.flatMap((event) => (event.type === 'metrics' ? [event.step] : [])));
  const isLate = stoppedForMs >= graceMs;
  return [
    ...(isLate ? [`it did not end within ${graceMs / 1000} s of SIGTERM`] : []),
    ...(!isLate && !preemptedCodes.includes(end.code ?? 0) && end.signal !== 'SIGTERM'
      ? [`it ended with ${end.signal ?? `exit code ${end.code}`} instead of exit code 15`]
      : []),
    ...(!isLate && said < reached
      ? [`its last checkpoint is of step ${said}, although it had reached step ${reached}`]
      : []),
  ];
}

/** The first few of what is wrong. */
function shown(faults: readonly string[]): string {
  const distinct = [...new Set(faults)];
  const more = distinct.length > 3 ? `; ${distinct.length - 3} more` : '';
  return `${distinct.slice(0, 3).join('; ')}${more}`;
}
