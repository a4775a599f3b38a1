// pawl pause: starts no new step; with --now what runs checkpoints and frees its slot.
import { updates, type PauseRequest } from '../../workflows/control-names.js';
import { nameOfUser, update, withRunning } from '../control.js';
import { exitCodes } from '../exit-codes.js';
import { processOutput } from '../output.js';

export async function pause(run: string | undefined, options: { now?: true; json?: true }): Promise<number> {
  const output = processOutput(options.json === true);
  return withRunning(run, async (session, workflowId) => {
    const request: PauseRequest = { now: options.now === true, by: await nameOfUser() };
    await update(session, workflowId, updates.pause, request);
    output.record({ type: 'paused', workflowId, now: request.now });
    output.line(
      `${workflowId} is paused: ${request.now ? 'what runs checkpoints and stops' : 'what runs goes on to its end, nothing new starts'}. \`pawl unpause ${workflowId}\` lets it go on.`,
    );
    return exitCodes.ok;
  });
}
