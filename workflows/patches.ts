// Every change of workflows/ that alters the commands of a run under way has an entry here and a recorded history in
// tests/histories/. The rule: guard the new behaviour with `patched(id)`, record a history that takes the old branch, and
// remove both when no run older than `removableWhen` can be open. A plan's irVersion covers changes of its meaning.

export interface Patch {
  id: string;
  why: string;
  /** Version of Pawl that brought it. */
  since: string;
  removableWhen: string;
}

/** None yet. */
export const patches: readonly Patch[] = [];
