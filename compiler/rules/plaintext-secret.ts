// plaintext-secret: a password or token in the file or given with --set. It would stand in the plan, the history and the
// store. The message does not repeat it, and compile.ts keeps it out of all others.
import type { Authored, Span } from '../authored.js';
import { child, childMap, childString } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import type { Pipeline } from '../pipeline.js';
import { isNamedSecret, secretForm } from '../secrets.js';
import { walk } from '../walk.js';
import { isAddress } from './notify.js';
import type { Rule } from './rule.js';

const hint =
  'revoke it if the file was shared; keep it in an environment variable of the worker, and name that under `env` of a command';

export const plaintextSecret: Rule = ({ pipeline }) => [
  ...secretsOf(pipeline).flatMap(({ span, fact }) =>
    fact === null ? [] : [pipeline.file.error('plaintext-secret', span, `${fact}, in plain text`, { hint })],
  ),
  ...givenSecrets(pipeline),
];

export interface Secret {
  span: Span;
  value: string;
  /** What it is; null when another rule says it. */
  fact: string | null;
}

/** Every secret in the files. Pure. */
export function secretsOf({ units, root }: Pipeline): Secret[] {
  const found = new Map<number, Secret>();
  const add = (authored: Authored, fact: string | null): void => {
    if (authored.form !== 'scalar' || typeof authored.value !== 'string' || found.has(authored.span.start)) return;
    found.set(authored.span.start, { span: authored.span, value: authored.value, fact });
  };
  for (const unit of units) {
    walk(unit.root, {
      scalar: (scalar) => {
        const form = typeof scalar.value === 'string' ? secretForm(scalar.value) : null;
        if (form !== null) add(scalar, `this is ${form}`);
      },
      key: (name, _key, path, value) => {
        const isParam = path.length === 1 && path[0] === 'params';
        const held = isParam && value.form === 'map' ? child(value, 'default') : value;
        const text = held?.form === 'scalar' && typeof held.value === 'string' ? held.value : '';
        if (held !== undefined && isNamedSecret(name, text) && secretForm(text) === null)
          add(held, `\`${name}\` is a secret by its name`);
        return true;
      },
    });
  }
  const webhook = childString(childMap(root, 'notify'), 'webhook');
  if (webhook !== undefined && isAddress(webhook)) {
    const authored = child(childMap(root, 'notify'), 'webhook');
    if (authored !== undefined) add(authored, null);
  }
  return [...found.values()];
}

function givenSecrets({ file, params }: Pipeline): Diagnostic[] {
  return [...params.values()].flatMap(({ name, key, given, value }): Diagnostic[] => {
    if (given === null || typeof value !== 'string') return [];
    const form = secretForm(value);
    if (form === null && !isNamedSecret(name, value)) return [];
    const fact = form === null ? `\`${name}\` is a secret by its name` : `this is ${form}`;
    const at = { ...given, file: `--set ${name}=***` };
    return [{ ...file.error('plaintext-secret', key, `${fact}, in plain text`, { hint }), at }];
  });
}
