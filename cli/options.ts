// Values of options, read from text.
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';

/** Adds one `--set name=value`; the value is read by the type of its param later. */
export function collectSet(text: string, before: Record<string, string>): Record<string, string> {
  const split = text.indexOf('=');
  if (split < 1) throw new CliError(exitCodes.invalid, `--set takes name=value, and got \`${text}\``);
  return { ...before, [text.slice(0, split)]: text.slice(split + 1) };
}

/** Adds one name to a list. */
export const collectName = (text: string, before: string[]): string[] => [...before, text];

/** A whole number from 0. */
export function seedOf(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new CliError(exitCodes.invalid, `--seed takes a whole number from 0, and got \`${text}\``);
}

/** Milliseconds of `90s`, `15m`, `2h30m`. */
export function timeoutOf(text: string): number {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  if (match === null || text === '')
    throw new CliError(exitCodes.invalid, `--timeout takes a duration such as 90s, 15m or 2h30m, and got \`${text}\``);
  const [hours, minutes, seconds] = [Number(match[1] ?? 0), Number(match[2] ?? 0), Number(match[3] ?? 0)];
  return ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

/** The number of an attempt, from 1. */
export function attemptOf(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new CliError(exitCodes.invalid, `--attempt takes a whole number from 1, and got \`${text}\``);
}

/** Milliseconds of `30d`, `12h`, `0s`, `1d12h`. */
export function keepOf(text: string): number {
  const match = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  if (match === null || text === '')
    throw new CliError(exitCodes.invalid, `--keep takes a duration such as 30d, 12h or 0s, and got \`${text}\``);
  const [, days = 0, hours = 0, minutes = 0, seconds = 0] = match.map(Number).map((value) => value || 0);
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}

/** The part of a workflow id after the pipeline. */
export function runNameOf(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(text)) return text;
  throw new CliError(
    exitCodes.invalid,
    `--name takes up to 100 letters, digits, dots, dashes and underscores, beginning with a letter or digit, and got \`${text}\``,
  );
}

/** Bytes of a number of GiB. */
export function gibibytesOf(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && Number.isFinite(value)) return value * 2 ** 30;
  throw new CliError(exitCodes.invalid, `--min-free takes a number of GiB, such as 20, and got \`${text}\``);
}

/** A number of `--below` or `--above`. */
export function boundOf(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new CliError(exitCodes.invalid, `--below and --above take a number, such as 0.3, and got \`${text}\``);
}

/** The number of an iteration, from 0. */
export function iterationOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new CliError(
    exitCodes.invalid,
    `--good and --bad take the number of an iteration, from 0, and got \`${text}\``,
  );
}
