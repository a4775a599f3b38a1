// `npm run study`: replicas of a pipeline with several seeds, compared by the endpoints that the file states.
import { readFile, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { parse } from 'yaml';
import { commit, machine } from '../bench/machine.js';
import { openStore } from '../store/open.js';
import { compare } from './compare.js';
import { parseEndpoints } from './endpoints.js';
import { studyPage } from './page.js';
import type { Replica } from './replica.js';
import { runReplica } from './run-replica.js';

export interface StudyOptions {
  root: string;
  /** Arguments of `pawl run`: the file first. */
  run: string[];
  seeds: number;
  command: string;
  /** Where the page goes; null = it is only printed. */
  page: string | null;
}

/** Runs what the store does not have yet, compares, prints the page and writes it. */
export async function study({ root, run, seeds, command, page }: StudyOptions): Promise<void> {
  const { default: config } = await import('../temporal.config.js');
  const [file = ''] = run;
  const stated = statedIn(await readFile(isAbsolute(file) ? file : join(root, file), 'utf8'), file);
  const endpoints = parseEndpoints(stated.endpoints, stated.arms);
  const store = await openStore(config.store);
  const startedAt = Date.now();
  const replicas: Replica[] = [];
  for (let seed = 0; seed < seeds; seed += 1) {
    console.error(`seed ${seed}: ${seed} of ${seeds} done, ${((Date.now() - startedAt) / 60_000).toFixed(0)} min`);
    replicas.push(await runReplica({ root, run, store, cacheDir: join(config.home, 'cache') }, seed));
  }
  const minutes = (Date.now() - startedAt) / 60_000;
  const text = studyPage(await compare(endpoints, replicas), replicas, {
    file,
    command,
    commit: commit(root),
    machine: machine(),
    minutes,
  });
  console.log(text);
  if (page !== null) await writeFile(page, text);
}

/** What a pipeline file states of its study. Throws an Error for a file that states nothing. */
export function statedIn(text: string, file: string): { endpoints: string[]; arms: string[] } {
  const { params, outputs } = (parse(text) ?? {}) as {
    params?: { endpoints?: { default?: unknown } };
    outputs?: Record<string, unknown>;
  };
  const endpoints = params?.endpoints?.default;
  if (!Array.isArray(endpoints) || !endpoints.every((one) => typeof one === 'string'))
    throw new Error(`${file} states no endpoints: give it a param \`endpoints\`, a list of strings, with a default.`);
  return { endpoints, arms: Object.keys(outputs ?? {}) };
}
