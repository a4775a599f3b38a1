// duplicate-name, bad-name: step names are unique in the file, and every name can stand in an expression.
import { childMap } from '../authored.js';
import type { Span } from '../authored.js';
import { metricNames } from '../command.js';
import type { Diagnostic } from '../diagnostics.js';
import { isCommand } from '../fields.js';
import type { Rule } from './rule.js';

/** Words of CEL that cannot follow a dot. */
const reserved = new Set(['true', 'false', 'null', 'in']);

export const names: Rule = ({ pipeline }) => {
  const { file } = pipeline;
  const diagnostics: Diagnostic[] = [];
  const refuse = (name: string, span: Span): void => {
    if (!reserved.has(name)) return;
    diagnostics.push(
      file.error('bad-name', span, `\`${name}\` is a word of the expression language and cannot be a name`),
    );
  };
  const first = new Map<string, Span>();
  for (const step of pipeline.steps) {
    refuse(step.name, step.key);
    for (const carry of step.carries.values()) refuse(carry.name, carry.key);
    for (const axis of step.matrix?.axes ?? []) refuse(axis.name, axis.key);
    if (isCommand(step)) {
      for (const [name, { key }] of childMap(step.map, 'outputs')?.entries ?? []) refuse(name, key);
      for (const { name, span } of metricNames(step.map)) refuse(name, span);
    }
    const earlier = first.get(step.name);
    if (earlier === undefined) first.set(step.name, step.key);
    else {
      const related = [{ message: `the other \`${step.name}\` is here`, span: earlier }];
      diagnostics.push(
        file.error('duplicate-name', step.key, `there are two steps called \`${step.name}\``, {
          related,
          hint: 'step names are unique in the file, loops included',
        }),
      );
    }
  }
  for (const [name, { key }] of childMap(pipeline.root, 'params')?.entries ?? []) refuse(name, key);
  return diagnostics;
};
