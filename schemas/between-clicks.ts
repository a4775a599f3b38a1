// Where the results of a loop's steps are between two clicks. Without Node modules: the interpreter asks in Temporal's sandbox,
// planning from the store.
import type { LoopNode } from './generated/plan.js';

/**
 * Whether `commit` or `commit-behind` leave results with the worker that made them. Not where a loop is in the body: its workflow
 * commits what it makes, so it must be given what is committed. Pure.
 */
export const staysWithHost = (node: LoopNode): boolean =>
  (node.commit > 1 || node.behind === true) && !Object.values(node.steps).some((one) => one.node === 'loop');
