// Secrets in plain text: how they are known, and how they are kept out of everything that is printed.
import type { Diagnostic } from './diagnostics.js';

/** Tokens that are known by their form. */
const forms: readonly [pattern: RegExp, what: string][] = [
  [/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/, 'an AWS access key'],
  [/\bgh[pousr]_[A-Za-z0-9]{20,}/, 'a GitHub token'],
  [/\bgithub_pat_[A-Za-z0-9_]{20,}/, 'a GitHub token'],
  [/\bglpat-[A-Za-z0-9_-]{16,}/, 'a GitLab token'],
  [/\bhf_[A-Za-z0-9]{16,}/, 'a Hugging Face token'],
  [/\bsk-(?=[A-Za-z_-]{0,40}\d)[A-Za-z0-9_-]{16,}/, 'an API key'],
  [/\bAIza[0-9A-Za-z_-]{30,}/, 'a Google API key'],
  [/\bxox[abeprs]-[A-Za-z0-9-]{8,}/, 'a Slack token'],
  [/\beyJ[A-Za-z0-9_-]{8,160}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+/, 'a signed token'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/, 'a private key'],
];

const secretName = /(?:^|_)(?:token|secret|password|passwd|api_?key|access_key|private_key|credentials?)$/;

/** What the text holds that is a secret by its form; null when nothing. Pure. */
export const secretForm = (text: string): string | null => forms.find(([pattern]) => pattern.test(text))?.[1] ?? null;

/** Whether a value under this name is a secret: not what names one (HF_TOKEN), nor a marker (<|embed|>). Pure. */
export const isNamedSecret = (name: string, value: string): boolean =>
  secretName.test(name) &&
  value.length >= 4 &&
  !value.includes('${{') &&
  !/^[A-Z][A-Z0-9_]*$/.test(value) &&
  !/^<.*>$/.test(value);

/** A text with every secret replaced by stars, line by line of the same length. Pure. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  let hidden = text;
  for (const secret of secrets) hidden = hidden.split(secret).join(stars(secret));
  for (const [pattern] of forms) hidden = hidden.replace(new RegExp(pattern, 'g'), stars);
  return hidden;
}

const stars = (secret: string): string => secret.replace(/[^\n\r]/g, '*');

/** A diagnostic that repeats none of the secrets, nor the beginning of one. Pure. */
export function withoutSecrets(diagnostic: Diagnostic, secrets: readonly string[]): Diagnostic {
  const hide = (text: string): string => hideSecrets(hideBeginnings(text, secrets), secrets);
  return {
    ...diagnostic,
    message: hide(diagnostic.message),
    hint: diagnostic.hint === null ? null : hide(diagnostic.hint),
    at: { ...diagnostic.at, file: hide(diagnostic.at.file) },
    related: diagnostic.related.map((item) => ({ ...item, message: hide(item.message) })),
  };
}

/** Messages shorten long values: the beginning of a secret is hidden as far as it goes. */
function hideBeginnings(text: string, secrets: readonly string[]): string {
  let hidden = text;
  for (const secret of secrets) {
    const from = secret.length < 8 ? -1 : hidden.indexOf(secret.slice(0, 8));
    if (from === -1) continue;
    let length = 0;
    while (length < secret.length && hidden[from + length] === secret[length]) length++;
    hidden = `${hidden.slice(0, from)}${'*'.repeat(length)}${hidden.slice(from + length)}`;
  }
  return hidden;
}
