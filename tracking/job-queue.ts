// Work behind the caller's back, tried again while MLflow is away.
import type { RunName } from './cursor.js';
import { MlflowError } from './mlflow-error.js';
import { Busy } from './publish.js';

/** One piece of work; the same id queued again replaces the older one. */
export interface Job {
  id: string;
  run: RunName;
  work: () => Promise<void>;
}

export interface QueueOptions {
  url: string;
  warn: (message: string) => void;
  /** Pause before the next try while MLflow is down, ms. */
  retryMs: number;
}

/** Jobs one after the other. One that fails because MLflow is away, or busy, goes back to the end and is tried later. */
export class JobQueue {
  readonly #jobs = new Map<string, Job>();
  readonly #options: QueueOptions;
  #running: Promise<void> | null = null;
  #retry: NodeJS.Timeout | null = null;
  #isDown = false;
  #isClosed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  add(job: Job): void {
    this.#jobs.delete(job.id);
    this.#jobs.set(job.id, job);
    if (this.#retry === null) this.#start();
  }

  async flush(): Promise<void> {
    this.#start();
    while (this.#running !== null) await this.#running;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    await this.#running;
  }

  #start(): void {
    if (this.#isClosed) return;
    this.#running ??= this.#work().finally(() => {
      this.#running = null;
      if (this.#jobs.size > 0 && !this.#isClosed && this.#retry === null) this.#start();
    });
  }

  async #work(): Promise<void> {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    for (const job of [...this.#jobs.values()]) {
      if (this.#isClosed) return;
      try {
        await job.work();
        if (this.#isDown)
          this.#options.warn(`MLflow at ${this.#options.url} answers again; what it missed is being sent`);
        this.#isDown = false;
        if (this.#jobs.get(job.id) === job) this.#jobs.delete(job.id);
      } catch (error) {
        if (this.#keeps(job, error)) {
          this.#later(error instanceof Busy ? 1_000 : this.#options.retryMs);
          return;
        }
        this.#jobs.delete(job.id);
      }
    }
  }

  /** Whether the job is worth another try; says once what is wrong. */
  #keeps(job: Job, error: unknown): boolean {
    if (error instanceof Busy) return true;
    if (error instanceof MlflowError && (error.code === 'unreachable' || (error.status ?? 0) >= 500)) {
      if (!this.#isDown) {
        this.#options.warn(
          `MLflow is not used for now: ${error.message}. Runs go on; metrics are kept in the store and sent when it answers.`,
        );
      }
      this.#isDown = true;
      return true;
    }
    const message = error instanceof Error ? error.message : String(error);
    this.#options.warn(`metrics of ${job.run.workflowId} did not reach MLflow: ${message}`);
    return false;
  }

  #later(delayMs: number): void {
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#start();
    }, delayMs);
    this.#retry.unref();
  }
}
