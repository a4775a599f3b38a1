// Which failure a message of torch, CUDA, NCCL, gloo or the system is, by the patterns of schemas/failure-messages.json. The
// trainer reads the same table (trainer/pawl_trainer/failures.py).
import messages from '../schemas/failure-messages.json' with { type: 'json' };
import type { FailureClass } from '../schemas/generated/plan.js';

const rules = messages.map(({ class: failureClass, pattern, says }) => ({
  failureClass: failureClass as FailureClass,
  pattern: new RegExp(pattern),
  says,
}));

/** The class of the first rule that fits, and what it says to a person; null when none does. Pure. */
export function classOfMessage(text: string): { failureClass: FailureClass; says: string } | null {
  return rules.find(({ pattern }) => pattern.test(text)) ?? null;
}
