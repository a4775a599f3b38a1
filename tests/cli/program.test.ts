import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../cli/program.js';

/** `command <argument> --flag`, everything that a script may rely on. */
function surfaceOf(command: Command, before = ''): string[] {
  return command.commands.flatMap((one) => {
    if (one.commands.length > 0) return surfaceOf(one, `${before}${one.name()} `);
    const positional = one.registeredArguments.map((item) => {
      const name = item.variadic ? `${item.name()}...` : item.name();
      return item.required ? `<${name}>` : `[${name}]`;
    });
    return [[`${before}${one.name()}`, ...positional, ...one.options.map(({ flags }) => flags)].join(' ')];
  });
}

describe('the command line', () => {
  it('has these commands and options, which scripts rely on', () => {
    expect(surfaceOf(buildProgram('0', () => undefined))).toEqual([
      'init [name]',
      'schema [name]',
      'validate <files...> --strict --format <format> --json',
      'explain [code]',
      'plan <file> --set <name=value> --seed <number> --baseline <run> --name <name> --verbose --format <format> --json',
      'test <files...> --filter <text> --junit <file> --json',
      'run <file> --set <name=value> --seed <number> --baseline <run> --name <name> --new --wait --detach --timeout <duration> --json',
      'conform <program...> --set <name=value> --artifact <name=folder> --output <name> --code <path> --env <name> --seed <number> --every <steps> --timeout <duration> --keep --json',
      'status [run] --json',
      'cancel [run] --json',
      'pause [run] --now --json',
      'unpause [run] --json',
      'approve [run] --gate <path> --note <text> --json',
      'reject [run] --gate <path> --note <text> --json',
      'why <run-or-path> [path] --json',
      'logs <run> [step] --attempt <number> --follow --json',
      'artifacts ls [run] --json',
      'artifacts get <path> --to <folder> --json',
      'resume [run] --from <step> --set <name=value> --detach --timeout <duration> --json',
      'replay [run] --history <file> --json',
      'fork <iteration> --set <name=value> --name <name> --plan --detach --timeout <duration> --json',
      'bisect <run> <metric> --below <number> --above <number> --good <iteration> --bad <iteration> --json',
      'up --json',
      'down --json',
      'ps --json',
      'doctor --min-free <GiB> --json',
      'gc --dry-run --keep <duration> --json',
    ]);
  });
});
