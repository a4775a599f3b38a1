// Local activity: tells somebody how a run goes, with a POST to the address in an environment variable of the worker.
// The address is a secret: no message holds it. That nobody was told is a warning, never a failure.
import { setTimeout as pause } from 'node:timers/promises';
import type { LocalActivities, NotifyInput } from './calls.js';
import type { Host } from './host.js';

const timeoutMs = 5_000;
/** Before the second and the third attempt; all together stay below the time-out of a local activity. */
const pausesMs = [500, 2_000];

/** Posts once; tried again while nobody answers or the answer says to. Delivered at least once. Never fails: see `warning`. */
export const notify =
  (host: Pick<Host, 'programs' | 'runPage'>): LocalActivities['notify'] =>
  async (input) => {
    const address = host.programs.variables[input.webhook];
    if (address === undefined || address === '')
      return { warning: `the worker has no environment variable ${input.webhook}: nobody was told` };
    if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol))
      return { warning: `${input.webhook} of the worker is no http address: nobody was told` };
    const body = JSON.stringify(payloadOf(host, input));
    let problem: Problem | null = null;
    for (const before of [0, ...pausesMs]) {
      await pause(before);
      problem = await post(address, body);
      if (problem === null) return { warning: null };
      if (problem.isFinal) break;
    }
    return { warning: `the address in ${input.webhook} ${problem?.fact ?? 'did not answer'}: nobody was told` };
  };

/** What is posted. `text` is what chat services show. */
function payloadOf(host: Pick<Host, 'runPage'>, { run, state, message, path, mlflow }: NotifyInput): object {
  const temporal = host.runPage(run.workflowId);
  return {
    pipeline: run.pipeline,
    run: run.workflowId,
    runId: run.runId,
    state,
    step: path,
    message,
    text: [`${run.workflowId} ${state}: ${message}`, temporal, mlflow].filter((line) => line !== null).join('\n'),
    links: { temporal, mlflow },
  };
}

interface Problem {
  fact: string;
  isFinal: boolean;
}

async function post(address: string, body: string): Promise<Problem | null> {
  try {
    const headers = { 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await fetch(address, { method: 'POST', headers, body, signal, redirect: 'manual' });
    await answer.body?.cancel();
    if (answer.ok) return null;
    return { fact: `answers ${answer.status}`, isFinal: answer.status < 500 && answer.status !== 429 };
  } catch (error) {
    // The message of the error may hold the address.
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no answer';
    const isLate = error instanceof Error && error.name === 'TimeoutError';
    return {
      fact: isLate ? `did not answer within ${timeoutMs / 1000} s` : `cannot be reached (${code})`,
      isFinal: false,
    };
  }
}
