// Time that moves only when it is told to, for port-in-process.ts. Owns timers and waited-for conditions; nothing of it
// looks at the clock of the machine.

export interface VirtualClock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back when `ms` have passed; returns how to forget it. */
  after(ms: number, callback: () => void): () => void;
  /** Resolves when the predicate holds: looked at whenever everything is at rest. */
  until(predicate: () => boolean): { met: Promise<void>; forget: () => void };
  /** Lets everything run that can run without time passing. */
  settle(): Promise<void>;
  /** Settles, then lets `ms` pass, timer by timer. */
  advance(ms: number): Promise<void>;
  /** Lets time pass until `isOver`; throws when nothing is left that time could bring. */
  runUntil(isOver: () => boolean): Promise<void>;
}

interface Timer {
  at: number;
  order: number;
  callback: () => void;
}

/** A clock that begins at `startAt`. */
export function createClock(startAt: number): VirtualClock {
  let now = startAt;
  let order = 0;
  const timers = new Set<Timer>();
  const waiting = new Set<{ predicate: () => boolean; resolve: () => void }>();

  const nextTimer = (): Timer | undefined => [...timers].sort((a, b) => a.at - b.at || a.order - b.order)[0];

  const settle = async (): Promise<void> => {
    for (;;) {
      // All microtasks have run when the event loop comes round.
      await new Promise<void>((resolve) => setImmediate(resolve));
      const met = [...waiting].filter(({ predicate }) => predicate());
      if (met.length === 0) return;
      for (const one of met) {
        waiting.delete(one);
        one.resolve();
      }
    }
  };

  const fire = (timer: Timer): void => {
    timers.delete(timer);
    now = Math.max(now, timer.at);
    timer.callback();
  };

  return {
    now: () => now,
    after(ms, callback) {
      const timer = { at: now + ms, order: (order += 1), callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    until(predicate) {
      let forget = (): void => undefined;
      const met = new Promise<void>((resolve) => {
        const entry = { predicate, resolve };
        waiting.add(entry);
        forget = () => void waiting.delete(entry);
      });
      return { met, forget: () => forget() };
    },
    settle,
    async advance(ms) {
      const end = now + ms;
      await settle();
      for (let timer = nextTimer(); timer !== undefined && timer.at <= end; timer = nextTimer()) {
        fire(timer);
        await settle();
      }
      now = Math.max(now, end);
    },
    async runUntil(isOver) {
      await settle();
      while (!isOver()) {
        const timer = nextTimer();
        if (timer === undefined)
          throw new Error('nothing is left to happen: the workflow waits for something that time does not bring');
        fire(timer);
        await settle();
      }
    },
  };
}
