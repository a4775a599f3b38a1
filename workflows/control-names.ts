// Names of the updates, signals and queries that every Pawl workflow answers. Plain strings, for the CLI too.

/** Updates: answered by the root and by the workflow of each loop. */
export const updates = {
  /** {now: boolean, by?: string}: starts no new step; with `now` running steps checkpoint and free their slots. */
  pause: 'pause',
  /** No argument. */
  unpause: 'unpause',
  /** {by, note, path?}: lets a gate that waits for approval pass. */
  approve: 'approve',
  /** {by, note, path?}: fails a gate that waits for approval. */
  reject: 'reject',
} as const;

/** Signals: from a workflow to the workflows of its loops. */
export const signals = { pause: 'pause', unpause: 'unpause' } as const;

/** Queries. `status` returns a StatusView. */
export const queries = { status: 'status' } as const;

export interface PauseRequest {
  now: boolean;
  by?: string;
}

export interface Decision {
  by: string;
  note: string;
  /** Path of the gate; may be left out while only one waits. */
  path?: string;
}
