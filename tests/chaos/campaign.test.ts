// Chaos on a small scale: a pipeline without training, killed at the points that matter, ends as the undisturbed one.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { campaign, type CampaignOptions } from '../../chaos/campaign.js';
import { codeDigest } from '../../chaos/code-digest.js';
import { reportOf } from '../../chaos/report.js';
import type { Way } from '../../chaos/schedule.js';
import { ensureBuilt, repository } from '../local/built.js';

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pawl-chaos-'));
  await ensureBuilt();
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const options = (): CampaignOptions => ({
  subject: {
    root: repository,
    run: [join('pipelines', 'durable-sleep.yaml'), '--set', 'iterations=2', '--set', 'steps=4', '--set', 'step_ms=50'],
    mlflow: false,
  },
  seed: 1,
  kills: 3,
  killsPerRun: 3,
  ways: [
    { target: 'worker', at: { when: 'inside', class: 'file' } },
    { target: 'worker', at: { when: 'before', class: 'click' } },
    { target: 'temporal', at: { when: 'after', class: 'commit' } },
  ],
  code: codeDigest(repository),
  referenceFile: join(folder, 'reference.json'),
  logFile: join(folder, 'seed-1.jsonl'),
  say: () => undefined,
});

const wayOf = ({ target, at }: Way): string => JSON.stringify([target, at]);

it('a run whose worker and server are killed at named points ends as an undisturbed one, and leaves nothing', async () => {
  const { lines } = await campaign(options());
  const [line] = lines;
  expect(line?.problems).toEqual([]);
  expect(line?.kills.map(wayOf).sort()).toEqual(options().ways?.map(wayOf).sort());
  expect([line?.differences, line?.orphans]).toEqual([[], []]);
  expect(line?.compared).toBeGreaterThan(20);
  expect(line?.costs.map(({ beyond }) => beyond)).toEqual([null, null, null]);
}, 240_000);

it('a campaign that is begun again takes what is done from its log, and says what it found', async () => {
  const said: string[] = [];
  const { lines } = await campaign({ ...options(), say: (line) => said.push(line) });
  expect(said).toEqual([]);
  expect(lines).toHaveLength(1);
  const { lines: report } = reportOf(lines, 3, 'again');
  expect(report[0]).toMatch(/^kill -9 worker +2: before click 1, inside file 1$/);
  expect(readFileSync(options().logFile, 'utf8').trim().split('\n')).toHaveLength(1);
});
