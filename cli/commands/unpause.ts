// pawl unpause: lets a paused run go on.
import { updates } from '../../workflows/control-names.js';
import { update, withRunning } from '../control.js';
import { exitCodes } from '../exit-codes.js';
import { processOutput } from '../output.js';

export async function unpause(run: string | undefined, options: { json?: true }): Promise<number> {
  const output = processOutput(options.json === true);
  return withRunning(run, async (session, workflowId) => {
    await update(session, workflowId, updates.unpause);
    output.record({ type: 'unpaused', workflowId });
    output.line(`${workflowId} goes on.`);
    return exitCodes.ok;
  });
}
