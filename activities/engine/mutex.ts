// One holder at a time, in the order of asking: the slot of an engine, shared by its queues.

export interface Mutex {
  /** Resolves with the function that lets the next one in; rejects with the signal's reason while still waiting. */
  acquire(signal?: AbortSignal): Promise<() => void>;
  /** Whether somebody holds it. */
  held(): boolean;
}

/** Makes a mutex; first come, first served. */
export function createMutex(): Mutex {
  const waiting: (() => void)[] = [];
  let held = false;
  const release = (): void => {
    const next = waiting.shift();
    if (next) next();
    else held = false;
  };
  const releaseOnce = (): (() => void) => {
    let done = false;
    return () => {
      if (!done) release();
      done = true;
    };
  };
  return {
    held: () => held,
    async acquire(signal) {
      signal?.throwIfAborted();
      if (!held) {
        held = true;
        return releaseOnce();
      }
      await new Promise<void>((resolve, reject) => {
        const enter = (): void => {
          signal?.removeEventListener('abort', leave);
          resolve();
        };
        const leave = (): void => {
          waiting.splice(waiting.indexOf(enter), 1);
          reject(signal?.reason as Error);
        };
        waiting.push(enter);
        signal?.addEventListener('abort', leave, { once: true });
      });
      return releaseOnce();
    },
  };
}
