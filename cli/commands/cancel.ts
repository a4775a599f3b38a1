// pawl cancel: asks a run to stop; it ends once what runs has kept its last checkpoint.
import { withRunning } from '../control.js';
import { exitCodes } from '../exit-codes.js';
import { processOutput } from '../output.js';

export async function cancel(run: string | undefined, options: { json?: true }): Promise<number> {
  const output = processOutput(options.json === true);
  return withRunning(run, async (session, workflowId) => {
    await session.client.workflow.getHandle(workflowId).cancel();
    output.record({ type: 'cancelling', workflowId });
    output.line(
      `${workflowId} is being cancelled: what runs keeps its last checkpoint first. \`pawl status ${workflowId}\` shows when it has ended.`,
    );
    return exitCodes.ok;
  });
}
