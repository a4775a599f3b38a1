// A request to stop, passed down explicitly: from the run to its steps and loops. Not a promise: nothing dangles.

export interface Stop {
  readonly requested: boolean;
  /** Why, for the person who reads; null while nothing is requested. */
  readonly reason: string | null;
  /** Calls back once, at once when it is requested already; returns how to unsubscribe. */
  onRequest(listener: () => void): () => void;
}

export interface StopSource extends Stop {
  request(reason: string): void;
}

/** A stop that can be requested; it follows `parent`. Pure state, deterministic. */
export function createStop(parent?: Stop): StopSource {
  let reason: string | null = null;
  const listeners = new Set<() => void>();
  const source: StopSource = {
    get requested() {
      return reason !== null;
    },
    get reason() {
      return reason;
    },
    onRequest(listener) {
      if (reason !== null) {
        listener();
        return () => undefined;
      }
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    request(why) {
      if (reason !== null) return;
      reason = why;
      for (const listener of [...listeners]) listener();
      listeners.clear();
    },
  };
  parent?.onRequest(() => source.request(parent.reason ?? 'stopped'));
  return source;
}
