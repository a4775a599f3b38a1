// The Markdown that the Temporal UI shows as current details: what runs, what failed, the last steps that ended.
import type { StatusView, StepView } from './status.js';
import type { RunState } from './state.js';
import { statusOf } from './state.js';

/** The Temporal server takes 20 kB, and a character may have several bytes; a table that is cut is better than none. */
const maxBytes = 16_000;
const maxRunning = 30;

/** The details of an execution. Pure. */
export function detailsOf(state: RunState): string {
  const status = statusOf(state);
  const text = [headline(status), ...failures(status), ...table(status, state.recent), ...loops(status)].join('\n');
  return text.length <= maxBytes ? text : `${text.slice(0, maxBytes)}\n…`;
}

function headline(status: StatusView): string {
  const counts = new Map<string, number>();
  for (const step of status.steps) counts.set(step.state, (counts.get(step.state) ?? 0) + 1);
  const steps = [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
  const paused = status.paused?.by == null ? '' : ` by ${status.paused.by}`;
  const position =
    status.loop === null
      ? ''
      : ` · iteration ${status.loop.iteration} of ${status.loop.max}, ${status.loop.clicks} kept`;
  return `**${status.pipeline}** · ${status.state}${paused}${position} · ${steps}\n`;
}

const failures = (status: StatusView): string[] =>
  status.failures.map((one) => `- **${one.path}** failed [${one.class}]: ${inline(one.message)} ${inline(one.hint)}`);

function table(status: StatusView, recent: StepView[]): string[] {
  const open = status.steps.filter((step) => step.state === 'running' || step.state === 'waiting').slice(0, maxRunning);
  const rows = [...open, ...recent].map(row);
  return rows.length === 0 ? [] : ['', '| step | kind | state | seconds | metrics |', '|---|---|---|---|---|', ...rows];
}

const row = (step: StepView): string =>
  `| ${inline(step.path)} | ${step.kind} | ${step.state}${step.reason === null ? '' : `: ${inline(step.reason)}`} | ${step.endedAt === null ? '' : step.seconds.toFixed(1)} | ${numbers(step)} |`;

/** At most four numbers: the rest is in the status and in MLflow. */
const numbers = (step: StepView): string =>
  Object.entries(step.metrics)
    .filter(([, value]) => typeof value === 'number')
    .slice(0, 4)
    .map(([name, value]) => `${name} ${Number((value as number).toPrecision(4))}`)
    .join(', ');

function loops(status: StatusView): string[] {
  const lines = status.loops.map(
    (loop) =>
      `- loop **${loop.path}** (${loop.state}): workflow [${loop.workflowId}](../workflows/${encodeURIComponent(loop.workflowId)})`,
  );
  return lines.length === 0 ? [] : ['', ...lines];
}

const inline = (text: string): string => text.replace(/\s+/g, ' ').replaceAll('|', '\\|').slice(0, 300);
