// Worker threads for what would block the event loop.
// Owns: the threads, started when first needed, and the tasks under way. Does not own: what a task computes (thread-tasks.ts).
// Invariants: I1 idle threads do not keep the process alive. I2 a thread that dies fails its tasks and is replaced by the next one.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { FailureClass } from '../schemas/failures.js';
import { RetrievalError } from './retrieval-error.js';
import type { TaskInput, TaskName, TaskOutput, TaskReply, TaskRequest } from './thread-tasks.js';

export interface ThreadPool {
  /** Runs a task in the thread with the fewest. Fails as the task does, or with class `internal` when the thread dies. */
  run<T extends TaskName>(task: T, input: TaskInput<T>): Promise<TaskOutput<T>>;
  /** Ends the threads; tasks under way fail. The pool can be used again. */
  close(): Promise<void>;
}

interface Thread {
  worker: Worker;
  waiting: Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>;
}

/** A pool of at most so many threads; none runs before the first task. */
export function createThreadPool(size = 1): ThreadPool {
  const threads = new Set<Thread>();
  let nextId = 1;
  return {
    run<T extends TaskName>(task: T, input: TaskInput<T>) {
      const thread = leastBusy(threads, size);
      const request: TaskRequest = { id: nextId++, task, input };
      return new Promise<TaskOutput<T>>((resolve, reject) => {
        thread.waiting.set(request.id, { resolve: (value) => resolve(value as TaskOutput<T>), reject });
        thread.worker.ref();
        thread.worker.postMessage(request);
      });
    },
    async close() {
      await Promise.all([...threads].map(({ worker }) => worker.terminate()));
    },
  };
}

function leastBusy(threads: Set<Thread>, size: number): Thread {
  const [first] = [...threads].sort((a, b) => a.waiting.size - b.waiting.size);
  if (first !== undefined && (first.waiting.size === 0 || threads.size >= size)) return first;
  const thread: Thread = { worker: startWorker(), waiting: new Map() };
  threads.add(thread);
  thread.worker.unref();
  thread.worker.on('message', (reply: TaskReply) => {
    settle(thread, reply);
  });
  let died = 'it ended';
  thread.worker.on('error', (error) => {
    died = error instanceof Error ? error.message : String(error);
  });
  thread.worker.on('exit', () => {
    threads.delete(thread);
    for (const { reject } of thread.waiting.values())
      reject(new RetrievalError('internal', `the ranking thread stopped: ${died}`));
    thread.waiting.clear();
  });
  return thread;
}

function settle(thread: Thread, reply: TaskReply): void {
  const waiting = thread.waiting.get(reply.id);
  thread.waiting.delete(reply.id);
  if (thread.waiting.size === 0) thread.worker.unref();
  if ('value' in reply) waiting?.resolve(reply.value);
  else waiting?.reject(errorOf(reply.error));
}

function errorOf(error: { message: string; failureClass: string | null; stack: string }): Error {
  if (error.failureClass !== null) return new RetrievalError(error.failureClass as FailureClass, error.message);
  return Object.assign(new Error(error.message), { stack: error.stack });
}

/** The built thread as it is; from TypeScript sources (tests) with a loader, which Node 20 does not apply to threads by itself. */
function startWorker(): Worker {
  if (import.meta.url.endsWith('.js')) return new Worker(new URL('./worker-thread.js', import.meta.url));
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json'));
  const loader = new URL('./dist/esm/api/index.mjs', tsx).href;
  const entry = new URL('./worker-thread.ts', import.meta.url).href;
  return new Worker(
    `import(${JSON.stringify(loader)}).then(({ register }) => { register(); return import(${JSON.stringify(entry)}); });`,
    { eval: true },
  );
}

const shared = createThreadPool();

/** The pool of this process. */
export const retrievalThreads = (): ThreadPool => shared;
