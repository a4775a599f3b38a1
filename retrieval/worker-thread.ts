// Entry of a worker thread: answers requests one after the other (thread-pool.ts is the other end).
import { parentPort } from 'node:worker_threads';
import { RetrievalError } from './retrieval-error.js';
import { threadTasks, type TaskReply, type TaskRequest } from './thread-tasks.js';

const port = parentPort;
if (port === null) throw new Error('Internal error: worker-thread.ts runs in a worker thread only');

let last: Promise<void> = Promise.resolve();
port.on('message', (request: TaskRequest) => {
  last = last.then(async () => {
    port.postMessage(await answer(request));
  });
});

async function answer({ id, task, input }: TaskRequest): Promise<TaskReply> {
  try {
    // The pool pairs each name with its input; the union of all inputs cannot be narrowed by name here.
    const run = threadTasks[task] as (input: unknown) => unknown;
    return { id, value: await run(input) };
  } catch (error) {
    const known = error instanceof Error ? error : new Error(String(error));
    const failureClass = error instanceof RetrievalError ? error.failureClass : null;
    return { id, error: { message: known.message, failureClass, stack: known.stack ?? '' } };
  }
}
