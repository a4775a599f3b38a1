import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lookAt } from '../../cli/look.js';
import { openSession, type Session } from '../../cli/session.js';
import { createTroubleWatch } from '../../cli/trouble.js';
import { up } from '../../local/up.js';
import { ensureBuilt } from '../local/built.js';
import { homeRig, type HomeRig } from '../local/home-rig.js';

describe('what keeps a run from going on is said within ten seconds', () => {
  let rig: HomeRig;
  let session: Session;
  beforeAll(async () => {
    await ensureBuilt();
    rig = await homeRig();
    await up(rig.config, { say: () => undefined, waitForMlflow: false, env: rig.env });
    session = await openSession(rig.config);
  }, 120_000);
  afterAll(async () => {
    await session.close();
    await rig.dispose();
  }, 60_000);

  /** The first trouble, and the seconds until it was said. */
  async function firstTrouble(of: Session, queue: string): Promise<{ text: string; seconds: number }> {
    const workflowId = `demo/${queue}`;
    await of.client.workflow.start('demo', { workflowId, taskQueue: queue, args: [] });
    const trouble = createTroubleWatch(of);
    const startedMs = Date.now();
    for (;;) {
      const [text] = await trouble(await lookAt(of, workflowId), Date.now());
      const seconds = (Date.now() - startedMs) / 1000;
      if (text !== undefined) return { text, seconds };
      if (seconds > 20) throw new Error('nothing was said');
      await sleep(400);
    }
  }

  it('when nobody polls its queue, with the queue and what to do', async () => {
    const { text, seconds } = await firstTrouble(
      { ...session, config: { ...rig.config, workflowQueue: 'nobody' } },
      'nobody',
    );
    expect(text).toBe(
      'no worker polls the queue `nobody`: the run waits. `pawl up` starts a worker here, `pawl ps` shows its log.',
    );
    expect(seconds).toBeLessThan(10);
  });

  it('when a step waits on a queue that has been silent, whether a worker is there or not', async () => {
    const pending = [
      {
        path: 'sft',
        kind: 'train.sft',
        attempt: 1,
        isStarted: false,
        scheduledMs: Date.now(),
        pulse: null,
        lastFailure: null,
      },
    ];
    const ids = { workflowId: 'demo/1', runId: '1', firstRunId: '1' };
    const said = (answers: boolean): Promise<string[]> => {
      const root = { ...ids, state: 'RUNNING', status: null, answers, pending, task: null };
      return createTroubleWatch(session)({ root, loops: [] }, Date.now() + 80_000);
    };
    expect(await said(false)).toContainEqual(
      expect.stringContaining('no worker polls the queue `pawl-trainer`: the run waits.'),
    );
    expect(await said(true)).toContainEqual(
      expect.stringContaining('`pawl-trainer` for work: none serves it, or other runs keep each busy.'),
    );
  });

  it('when its workflow task fails, with what the worker said', async () => {
    const { text, seconds } = await firstTrouble(session, 'pawl');
    expect(text).toMatch(/^the workflow demo\/pawl cannot go on: its task fails \(attempt \d+\): .*demo/);
    expect(seconds).toBeLessThan(10);
  });
});
