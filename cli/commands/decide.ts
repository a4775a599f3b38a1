// pawl approve, pawl reject: decides a gate that waits for a person, also one inside a loop.
import { updates, type Decision } from '../../workflows/control-names.js';
import { CliError } from '../cli-error.js';
import { nameOfUser, update, withRunning } from '../control.js';
import { exitCodes } from '../exit-codes.js';
import { lookAt } from '../look.js';
import { processOutput } from '../output.js';

export async function decide(
  verb: 'approve' | 'reject',
  run: string | undefined,
  options: { gate?: string; note: string; json?: true },
): Promise<number> {
  const output = processOutput(options.json === true);
  return withRunning(run, async (session, workflowId) => {
    const { root, loops } = await lookAt(session, workflowId);
    const waiting = [root, ...loops].flatMap((look) =>
      (look.status?.approvals ?? []).map(({ path }) => ({ path, workflowId: look.workflowId })),
    );
    const meant = options.gate === undefined ? waiting : waiting.filter(({ path }) => path === options.gate);
    const [gate] = meant;
    if (gate === undefined) {
      const others =
        waiting.length === 0 ? 'No gate waits now.' : `Waiting: ${waiting.map(({ path }) => path).join(', ')}`;
      throw new CliError(
        exitCodes.invalid,
        `${workflowId} has no gate${options.gate === undefined ? '' : ` ${options.gate}`} that waits for approval. ${others}`,
      );
    }
    if (meant.length > 1)
      throw new CliError(
        exitCodes.invalid,
        `Several gates wait; say which with --gate: ${meant.map(({ path }) => path).join(', ')}`,
      );
    const decision: Decision = { by: await nameOfUser(), note: options.note, path: gate.path };
    await update(session, gate.workflowId, updates[verb], decision);
    output.record({ type: verb, workflowId, gate: gate.path, by: decision.by });
    output.line(`${gate.path} of ${workflowId} ${verb === 'approve' ? 'approved' : 'rejected'} by ${decision.by}`);
    return exitCodes.ok;
  });
}
