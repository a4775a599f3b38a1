// What a reference resolves to, or why to nothing.
import type { ExpressionType } from '../expressions/check.js';
import type { Span } from './authored.js';
import type { DiagnosticCode } from './diagnostics.js';
import type { Step } from './pipeline.js';

export interface ReferenceProblem {
  code: DiagnosticCode;
  message: string;
  hint: string | null;
  related: { message: string; span: Span }[];
}

export type Resolution =
  | {
      ok: true;
      type: ExpressionType;
      target: Step | null;
      output: string | null;
      /** The value where it is known before the run and written into the plan. */
      constant?: number | null;
    }
  | { ok: false; problem: ReferenceProblem };

/** A reference that stands for a value of that type, which `target` makes. Pure. */
export const found = (type: ExpressionType, target: Step | null = null, output: string | null = null): Resolution => ({
  ok: true,
  type,
  target,
  output,
});

/** A reference that stands for nothing here. Pure. */
export const failed = (
  code: DiagnosticCode,
  message: string,
  hint: string | null,
  related: ReferenceProblem['related'] = [],
): Resolution => ({
  ok: false,
  problem: { code, message, hint, related },
});
