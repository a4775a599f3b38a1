// A request to stop, passed down explicitly: from the run to its steps and loops. Not a promise: nothing dangles.

export interface Stop {
  isRequested(): boolean;
  /** Why, for the person who reads; null while nothing is requested. */
  readonly reason: string | null;
  /** Calls back once, at once when it is requested already; returns how to unsubscribe. */
  onRequest(listener: () => void): () => void;
}

export interface StopSource extends Stop {
  request(reason: string): void;
  /** Follows its parent no longer: what it was for has ended. */
  detach(): void;
}

/** A stop that can be requested; it follows `parent`. Pure state, deterministic. */
export function createStop(parent?: Stop): StopSource {
  let reason: string | null = null;
  const listeners = new Set<() => void>();
  let leaveParent = (): void => undefined;
  const source: StopSource = {
    isRequested: () => reason !== null,
    get reason() {
      return reason;
    },
    onRequest(listener) {
      if (reason !== null) {
        listener();
        return () => undefined;
      }
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    request(why) {
      if (reason !== null) return;
      reason = why;
      for (const listener of [...listeners]) listener();
      listeners.clear();
    },
    detach: () => leaveParent(),
  };
  leaveParent = parent?.onRequest(() => source.request(parent.reason ?? 'stopped')) ?? leaveParent;
  return source;
}
