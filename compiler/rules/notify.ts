// bad-webhook: `notify` names an environment variable of the worker. An address is as good as a password, so it does not
// belong into the file, and is not repeated in the message.
import { child, childMap } from '../authored.js';
import { showValue } from '../scalar-check.js';
import type { Rule } from './rule.js';

export const notify: Rule = ({ pipeline: { file, root } }) => {
  const webhook = child(childMap(root, 'notify'), 'webhook');
  if (webhook?.form !== 'scalar' || typeof webhook.value !== 'string') return [];
  const { value, span } = webhook;
  if (/^[A-Za-z_][A-Za-z0-9_]{0,99}$/.test(value)) return [];
  const hint = 'write e.g. webhook: SLACK_URL, and set SLACK_URL where the worker runs';
  const given = isAddress(value) ? 'an address' : showValue(value);
  return [
    file.error('bad-webhook', span, `\`webhook\` takes the name of an environment variable, not ${given}`, { hint }),
  ];
};

/** Whether a webhook is an address rather than a name. Pure. */
export const isAddress = (text: string): boolean => /[:/.]/.test(text);
