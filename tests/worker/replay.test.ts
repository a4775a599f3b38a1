// What `pawl replay` finds in recorded histories: nothing, or the first event that the code would not have made.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode, type ReplayWorkerOptions } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { historyOf, replay, workflowCode, type RecordedHistory } from '../../worker/replay.js';
import config from '../../temporal.config.js';
import { workflowsPath } from '../../worker/bundle.js';
import { quiet } from '../support/temporal-server.js';

const root = join(import.meta.dirname, '..', '..');
const nothing = (): void => undefined;
const logger = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

const recorded = (name: string, change: (text: string) => string = (text) => text): RecordedHistory => {
  const text = change(readFileSync(join(root, 'tests', 'histories', `${name}.json`), 'utf8'));
  const history = historyOf(JSON.parse(text), name);
  if (history === null) throw new Error(`${name} is no history`);
  return history;
};

describe('a history', () => {
  let code: ReplayWorkerOptions;
  beforeAll(async () => {
    quiet();
    code = { workflowBundle: await bundleWorkflowCode({ workflowsPath: workflowsPath(), logger }) };
  });

  it('that the code would make again is compatible', async () => {
    const history = recorded('two-failures');
    expect(await replay(code, history)).toEqual({
      workflowId: 'failing',
      events: history.history.events?.length,
      difference: null,
    });
  });

  it('that it would not make differs at the first event that is another one', async () => {
    const other = recorded('five-steps', (text) => text.replaceAll('"activityId": "d"', '"activityId": "x"'));
    const at = (other.history.events ?? []).findIndex(
      ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityId === 'x',
    );
    expect((await replay(code, other)).difference).toEqual({
      event: at + 1,
      type: 'ActivityTaskScheduled',
      message: expect.stringMatching(/Nondeterminism error: Activity id of scheduled event 'x'/) as string,
    });
  });

  it('is read from what the Temporal CLI writes, too; other JSON is none', () => {
    const { history } = JSON.parse(readFileSync(join(root, 'tests', 'histories', 'five-steps.json'), 'utf8')) as {
      history: object;
    };
    expect(historyOf(history, 'file')?.workflowId).toBe('file');
    for (const none of [null, 1, {}, { events: [] }, { history: {} }]) expect(historyOf(none, 'x')).toBeNull();
  });

  it('is replayed with the code that was built', async () => {
    expect(await workflowCode({ ...config, packageRoot: join(root, 'none') })).toMatchObject({
      workflowsPath: workflowsPath(),
    });
  });
});
