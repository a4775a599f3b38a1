// 3,000 iterations on a real server: no history comes near the limits at which the server warns. Takes minutes, so only on
// demand: PAWL_LONG=1 npx vitest run tests/e2e/long-loop.test.ts
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { ensureBuilt } from '../local/built.js';
import { pawlRig } from '../cli/pawl-rig.js';

const iterations = Number(process.env.PAWL_LONG_ITERATIONS ?? 3000);
/** limit.historyCount.warn and limit.historySize.warn of the server. */
const warns = { events: 10_240, bytes: 10 * 1024 * 1024 };

const text = (commit: number): string => `
pawl: 1
name: long
steps:
  rl:
    loop:
      max: ${iterations}
      carry: { at: { type: folder, next: "\${{ steps.turn.outputs.folder }}" } }
      commit: ${commit}
      keep: { last: 2, every: 500 }
      steps: { turn: { uses: test.sleep, with: { steps: 1, step_ms: 0, value: "\${{ iter.index }}", previous: "\${{ carry.at }}" } } }
metrics: { last: "\${{ steps.rl.metrics.turn.value }}" }
`;

interface Figures {
  executions: number;
  events: number;
  bytes: number;
}

/** The largest of the chain of a workflow. */
async function figuresOf(client: Client, workflowId: string): Promise<Figures> {
  const figures = { executions: 0, events: 0, bytes: 0 };
  for await (const { historyLength, historySize } of client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) {
    figures.executions += 1;
    figures.events = Math.max(figures.events, historyLength);
    figures.bytes = Math.max(figures.bytes, historySize ?? 0);
  }
  return figures;
}

describe.skipIf(process.env.PAWL_LONG !== '1')('a loop of thousands of iterations', () => {
  it.each([50, 1])('with commit %i stays below what the server warns of', { timeout: 3_600_000 }, async (commit) => {
    await ensureBuilt();
    const rig = await pawlRig();
    try {
      const file = join(rig.folder, 'long.yaml');
      writeFileSync(file, text(commit));
      const startedMs = Date.now();
      const { code, stdout } = await rig.pawl(['run', file, '--name', 'one', '--json']);
      expect(code).toBe(0);
      expect(stdout.trimEnd().split('\n').at(-1)).toContain(`"last":${iterations - 1}`);
      const seconds = (Date.now() - startedMs) / 1000;
      const connection = await Connection.connect({ address: `127.0.0.1:${rig.env.PAWL_TEMPORAL_PORT ?? ''}` });
      const client = new Client({ connection });
      const [root, loop] = [await figuresOf(client, 'long/one'), await figuresOf(client, 'long/one/rl')];
      await connection.close();
      process.stdout.write(`${JSON.stringify({ iterations, commit, seconds, root, loop })}\n`);
      for (const { events, bytes } of [root, loop]) {
        expect(events).toBeLessThan(warns.events / 2);
        expect(bytes).toBeLessThan(warns.bytes / 2);
      }
    } finally {
      await rig.dispose();
    }
  });
});
