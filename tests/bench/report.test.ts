import { expect, it } from 'vitest';
import { median } from '../../bench/commands.js';
import { benchPage, type Measured } from '../../bench/report.js';

const measured: Measured = {
  machine: '2 × a processor',
  commit: 'abc1234',
  date: '2026-01-01',
  steps: {
    steps: 200,
    rounds: 3,
    pawl: [30, 20, 90],
    writing: [10, 40, 20],
    bare: [10, 10, 10],
    eventsPerStep: 7.2,
    filesPerStep: 3,
    bytesPerStep: 1234.5,
  },
  loop: {
    iterations: 20,
    pawlMs: 1000,
    plain: { ms: 800, parts: { sample: 300, update: 500 } },
    tuned: { ms: 600, parts: { sample: 200, update: 400 } },
    stepMs: { rollout: 400, update: 550 },
    storageMs: { serialise: 30, hash: 10, load: 20 },
  },
  commands: [{ command: 'pawl validate x.yaml', medianMs: 251.4, residentMb: 79.6 }],
  compile: [
    { steps: 500, length: 131_072, medianMs: 150 },
    { steps: 2000, length: 524_288, medianMs: 720 },
  ],
};

it('the middle value is the mean of the two in the middle when there is no single one', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

it('the page compares medians and says whether the targets are met', () => {
  const page = benchPage(measured);
  expect(page).toContain('| Pawl | 30.0 | 30.0, 20.0, 90.0 | 1 |');
  expect(page).toContain('| Temporal, same files | 20.0 | 10.0, 40.0, 20.0 | Pawl is 1.50 × this |');
  expect(page).toContain('at most 1.5 × the control that writes (met), at most 8 events a step (met)');
  expect(page).toContain('| `pawl validate x.yaml` | 251 | 80 |');
});

it('the page says so when a target is missed', () => {
  const slow = { ...measured, steps: { ...measured.steps, pawl: [31, 31, 31], eventsPerStep: 8.5 } };
  expect(benchPage(slow)).toContain('at most 1.5 × the control that writes (missed), at most 8 events a step (missed)');
});

it('the page splits what an iteration costs more than plain Python', () => {
  const page = benchPage(measured);
  expect(page).toContain('| **Pawl, from click to click** | 1000 |');
  expect(page).toContain('| between the steps: schedule, claims, click | 50 |');
  expect(page).toContain('Ratio to plain Python 1.25; the target is at most 1.05 (missed).');
  expect(page).toContain(
    'Ratio to the one with the same settings 1.67: that is\nwhat durability costs, 400 ms an iteration.',
  );
  expect(page).toContain('50 ms lie between the steps; the steps themselves take 350 ms\nmore than the parts.');
});

it('the page says what compiling costs, and whether it grows with the size', () => {
  expect(benchPage(measured)).toContain('| 500 | 128 | 150 |\n| 2000 | 512 | 720 |');
  expect(benchPage(measured)).toContain(
    'less than 200 ms (met); 2000 steps in at most 1.3 × as much a step (1.20 ×, met)',
  );
  const slow = { ...measured, compile: [measured.compile[0]!, { steps: 2000, length: 1, medianMs: 900 }] };
  expect(benchPage(slow)).toContain('(1.50 ×, missed)');
});
