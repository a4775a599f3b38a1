// yaml-1-1 (warning): what YAML 1.2 reads one way and readers of YAML 1.1, such as PyYAML, another.
import type { AuthoredScalar } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import { walk } from '../walk.js';
import type { Rule } from './rule.js';

const booleans: Record<string, boolean> = { yes: true, on: true, no: false, off: false };

export const yaml11: Rule = ({ pipeline: { file, units } }) => {
  const found = new Map<number, Diagnostic>();
  for (const { root } of units) {
    walk(root, {
      key: (name, key, path) => {
        const isOwn = name === 'on' && path.length === 1 && path[0] === 'notify';
        const written = file.text.slice(key.start, key.end);
        const read = isOwn ? undefined : booleanOf(written);
        const message = `the key \`${written}\` is ${read} to readers of YAML 1.1`;
        if (read !== undefined)
          found.set(key.start, file.warning('yaml-1-1', key, message, { hint: 'use another name' }));
        return true;
      },
      scalar: (scalar) => {
        const trap = trapOf(file.text.slice(scalar.span.start, scalar.span.end), scalar.value);
        if (trap === null) return;
        const message = `\`${trap.written}\` is ${trap.here} here, and ${trap.there} to readers of YAML 1.1`;
        found.set(scalar.span.start, file.warning('yaml-1-1', scalar.span, message, { hint: trap.hint }));
      },
    });
  }
  return [...found.values()];
};

const booleanOf = (written: string): boolean | undefined =>
  /^(?:[a-z]+|[A-Z][a-z]+|[A-Z]+)$/.test(written) ? booleans[written.toLowerCase()] : undefined;

interface Trap {
  written: string;
  here: string;
  there: string;
  hint: string;
}

/** What is read differently; only text without quotes can be. */
function trapOf(written: string, value: AuthoredScalar['value']): Trap | null {
  const boolean = booleanOf(written);
  const quoted = `put it in quotes: "${written}"`;
  if (boolean !== undefined)
    return { written, here: 'text', there: String(boolean), hint: `write ${boolean}, or ${quoted}` };
  if (typeof value === 'number') return numberTrap(written, value);
  const there = textTraps.find(([pattern]) => pattern.test(written))?.[1];
  return there === undefined || written !== value ? null : { written, here: 'text', there, hint: quoted };
}

const textTraps: readonly [pattern: RegExp, there: string][] = [
  [/^[-+]?[1-9]\d*(?::[0-5]?\d)+$/, 'a number in base 60'],
  [/^[-+]?\d(?=\d*_)[\d_]*$/, 'a number'],
  [/^[-+]?0b[01_]+$/, 'a number'],
  [/^\d{4}-\d\d?-\d\d?$/, 'a date'],
];

function numberTrap(written: string, value: number): Trap | null {
  if (/^0o[0-7]+$/.test(written)) return { written, here: `${value}`, there: 'text', hint: `write ${value}` };
  if (/^[-+]?0[0-7]+$/.test(written)) {
    const there = `${Number.parseInt(written.replace(/^[-+]/, ''), 8)}`;
    return { written, here: `${value}`, there, hint: `write ${value}` };
  }
  const exponent = /^([-+]?)(\d+)(\.\d*)?[eE]([-+]?)(\d+)$/.exec(written);
  if (exponent === null || (exponent[3] !== undefined && exponent[4] !== '')) return null;
  const [, sign = '', whole = '', fraction = '.0', sense = '', power = ''] = exponent;
  const plain = `${sign}${whole}${fraction === '.' ? '.0' : fraction}e${sense === '' ? '+' : sense}${power}`;
  return { written, here: 'a number', there: 'text', hint: `write ${plain}` };
}
