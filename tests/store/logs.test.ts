import { describe, expect, it } from 'vitest';
import { listLogs, readLogPart, removeLogPart, writeLogPart } from '../../store/logs.js';
import { useBench } from './fixtures.js';

const bench = useBench();
const log = (path: string, attempt: string, number = 1) => ({ workflowId: 'demo/one', path, attempt, number });

describe('the logs of a run', () => {
  it('are listed in the order in which the attempts began, by path, with what is kept of them', async () => {
    const { store } = bench();
    await writeLogPart(store, log('rl[2].update', '00b-1', 2), 0, 'second\n');
    await writeLogPart(store, log('sft', '00a-1'), 0, 'first\n');
    await writeLogPart(store, log('sft', '00a-1'), 3, 'end\n');
    await writeLogPart(store, { ...log('sft', '00c-1'), workflowId: 'demo/one-2' }, 0, 'another run\n');
    expect(await listLogs(store, 'demo/one')).toEqual([
      { ...log('sft', '00a-1'), parts: [0, 3], bytes: 10 },
      { ...log('rl[2].update', '00b-1', 2), parts: [0], bytes: 7 },
    ]);
    expect((await listLogs(store, 'demo/one', 'rl[2].update')).map(({ number }) => number)).toEqual([2]);
    await removeLogPart(store, log('sft', '00a-1'), 0);
    expect(await readLogPart(store, log('sft', '00a-1'), 0)).toBe('');
    expect(await readLogPart(store, log('sft', '00a-1'), 3)).toBe('end\n');
  });

  it('of paths that are too long for a name are kept apart', async () => {
    const { store } = bench();
    const paths = ['a', 'b'].map((end) => `train[${'text="ü",'.repeat(40)}z=${end}]`);
    for (const path of paths) await writeLogPart(store, log(path, '00a-1'), 0, path);
    for (const path of paths) {
      const [kept] = await listLogs(store, 'demo/one', path);
      expect(kept?.path).toBe(path);
      expect(await readLogPart(store, log(path, '00a-1'), 0)).toBe(path);
    }
    expect(await listLogs(store, 'demo/one')).toHaveLength(2);
  });
});
