// What a campaign found, for a person; and whether everything held. Pure.
import type { RunLine } from './campaign.js';
import { targets, type Kill } from './schedule.js';

/** Idle time after a kill that is still promised. */
export const mostIdleMs = 15_000;

export interface Verdict {
  lines: string[];
  holds: boolean;
}

/** The report on runs of one campaign. `again` is the command that repeats it. */
export function reportOf(runs: readonly RunLine[], wanted: number, again: string): Verdict {
  const kills = runs.flatMap((run) => run.kills);
  const costs = runs.flatMap((run) => run.costs.map((cost) => ({ ...cost, run: run.run })));
  const unseen = runs[0]?.unseen ?? [];
  const broken = [
    ...(kills.length < wanted ? [`only ${kills.length} of ${wanted} kills could be carried out`] : []),
    ...runs.flatMap(({ run, differences, orphans, problems }) =>
      [
        ...differences.map((text) => `differs: ${text}`),
        ...orphans.map((text) => `left: ${text}`),
        ...problems.map((text) => `problem: ${text.split('\n').slice(0, 6).join(' / ')}`),
      ].map((text) => `run ${run}: ${text}`),
    ),
    ...(unseen.length > 0 ? [] : costs)
      .filter(({ idleMs }) => idleMs > mostIdleMs)
      .map(({ kill, idleMs }) => `${kill}: idle for ${seconds(idleMs)}`),
    ...costs
      .filter(({ beyond }) => beyond !== null)
      .map(({ kill, beyond }) => `${kill}: more than one interval: ${beyond ?? ''}`),
  ];
  const sum = (of: (run: RunLine) => number): number => runs.reduce((total, run) => total + of(run), 0);
  const differing = runs.filter(({ differences }) => differences.length > 0).length;
  const repeated = runs.flatMap(({ differences }) => differences).filter((text) => text.startsWith('MLflow '));
  const lines = [
    ...killTable(kills),
    '',
    `runs                ${runs.length}, ${Math.round(sum(({ seconds: s }) => s))} s`,
    `resumes             ${sum(({ resumes }) => resumes)} attempts after the first of a step`,
    `recomputed          ${sum(({ costs: all }) => all.reduce((t, c) => t + c.recomputedSteps, 0))} steps, ${seconds(sum(({ costs: all }) => all.reduce((t, c) => t + c.recomputedMs, 0)))}; most after one kill ${Math.max(0, ...costs.map((c) => c.recomputedSteps))} steps`,
    `idle                ${idleOf(costs, unseen)}`,
    `digests             ${differing === 0 ? 'equal' : `DIFFERENT in ${differing} runs`}: ${runs[0]?.compared ?? 0} facts a run compared with the undisturbed one`,
    `points in MLflow    ${runs[0]?.points === 0 ? 'not looked at' : repeated.length === 0 ? `each of ${runs[0]?.points ?? 0} exactly once` : `${repeated.length} NOT as undisturbed`}`,
    `orphans             ${sum(({ orphans }) => orphans.length)}`,
  ];
  if (broken.length === 0) return { lines: [...lines, '', 'Everything held.'], holds: true };
  return {
    lines: [...lines, '', 'What did not hold:', ...broken.map((text) => `  ${text}`), '', `Again: ${again}`],
    holds: false,
  };
}

function killTable(kills: readonly Kill[]): string[] {
  const placeOf = ({ at }: Kill): string => (at === 'any time' ? at : `${at.when} ${at.class}`);
  return targets.flatMap((target) => {
    const own = kills.filter((kill) => kill.target === target);
    const places = new Map<string, number>();
    for (const kill of own) places.set(placeOf(kill), (places.get(placeOf(kill)) ?? 0) + 1);
    const counted = [...places].sort().map(([place, count]) => `${place} ${count}`);
    return [`${`kill -9 ${target}`.padEnd(19)} ${own.length}${own.length === 0 ? '' : `: ${counted.join(', ')}`}`];
  });
}

const idleOf = (costs: readonly { idleMs: number }[], unseen: readonly string[]): string =>
  unseen.length === 0
    ? distribution(costs.map(({ idleMs }) => idleMs))
    : `not measured: steps of ${unseen.join(', ')} claim nothing between two clicks, so the trace does not show their work`;

function distribution(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): string =>
    seconds(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0);
  return `${seconds(sorted.reduce((sum, value) => sum + value, 0))} in all; a kill: median ${at(0.5)}, nine of ten up to ${at(0.9)}, most ${at(1)}`;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
