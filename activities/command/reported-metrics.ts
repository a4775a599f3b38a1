// The figures of a command: those of its events, the last of each, under those of outputs/metrics.json.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StepFailure } from '../kind.js';
import { parseLoosely } from './loose-json.js';

export type Figures = Record<string, number | null>;

export interface ReportedMetrics {
  /** Notes the figures that are declared, and returns them; `unknown` is told of each other one, once. */
  take(values: Figures): Figures;
  /** All declared metrics. Fails with data when one was not reported, or when metrics.json cannot be read. */
  final(outputs: string): Promise<Figures>;
}

/** Collects the metrics of one attempt. */
export function reportedMetrics(declared: readonly string[], unknown: (name: string) => void): ReportedMetrics {
  const last: Figures = {};
  const told = new Set<string>();
  const take = (values: Figures): Figures => {
    const known = Object.entries(values).filter(([name]) => declared.includes(name));
    for (const name of Object.keys(values)) {
      if (declared.includes(name) || told.has(name)) continue;
      told.add(name);
      unknown(name);
    }
    Object.assign(last, Object.fromEntries(known));
    return Object.fromEntries(known);
  };
  return {
    take,
    async final(outputs) {
      take(await readFigures(join(outputs, 'metrics.json')));
      const absent = declared.filter((name) => !Object.hasOwn(last, name));
      if (absent.length === 0) return last;
      const which = absent.map((name) => `\`${name}\``).join(', ');
      const [first = ''] = absent;
      throw new StepFailure(
        'data',
        `The command ended well, but did not report ${absent.length === 1 ? 'the declared metric' : 'the declared metrics'} ${which}. Write {"${first}": …} to $PAWL_OUTPUTS/metrics.json, or append {"type": "metrics", "step": …, "values": {"${first}": …}} to $PAWL_EVENTS.`,
        { metrics: absent },
      );
    },
  };
}

async function readFigures(path: string): Promise<Figures> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  const value = parseLoosely(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isFigure))
    return value as Figures;
  throw new StepFailure('data', 'metrics.json in the outputs is no JSON object of names and numbers.');
}

const isFigure = (value: unknown): boolean => typeof value === 'number' || value === null;
