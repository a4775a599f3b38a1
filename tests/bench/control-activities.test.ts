import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { controlActivities } from '../../bench/control-activities.js';

it('the control writes files of the sizes that the step left', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pawl-control-'));
  try {
    const sizes = [[10, 200], [7]];
    const activities = controlActivities(folder, (step) => sizes[step] ?? []);
    await activities.write(0);
    await activities.write(1);
    await activities.nothing();
    const written = readdirSync(folder).map((step) =>
      readdirSync(join(folder, step)).map((file) => statSync(join(folder, step, file)).size),
    );
    expect(written).toEqual(sizes);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
