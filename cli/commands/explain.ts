// pawl explain: what a code of a diagnostic means, as docs/codes.md has it. Contacts nothing.
import { suggest } from '../../compiler/did-you-mean.js';
import { codeTexts } from '../../schemas/generated/codes.js';
import type { CodeText } from '../../schemas/generated/codes.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { table } from '../table.js';

/** Writes the explanation of a code, or the list of all codes. Fails with CliError where there is no such code. */
export function explain(code: string | undefined): number {
  const lines = code === undefined ? listOfCodes() : explanationOf(code);
  process.stdout.write(`${lines.join('\n')}\n`);
  return exitCodes.ok;
}

/** One line a code. Pure. */
export const listOfCodes = (): string[] => [
  ...table(codeTexts.map(({ code, severity, title }) => [code, severityOf(severity), title])),
  '',
  '`pawl explain CODE` explains one of them.',
];

/** What a code means, with a wrong and a right example. Also takes it in brackets, as messages show it. Pure. */
export function explanationOf(text: string): string[] {
  const code = text.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  const found = codeTexts.find((item) => item.code === code);
  if (found === undefined) {
    const near = suggest(
      code,
      codeTexts.map((item) => item.code),
    );
    const hint = near?.startsWith('did') === true ? ` D${near.slice(1)}` : '';
    throw new CliError(exitCodes.invalid, `there is no code \`${text}\`.${hint} \`pawl explain\` lists all.`);
  }
  return [
    `${found.code} (${severityOf(found.severity)}): ${found.title}`,
    '',
    ...wrapped(`${found.meaning} ${found.remedy}`, 100),
    ...example('Wrong:', found.wrong),
    ...example('It says:', found.output),
    ...example('Right:', found.right),
  ];
}

const severityOf = (severity: CodeText['severity']): string => (severity === 'both' ? 'error or warning' : severity);

const example = (head: string, text: string): string[] => [
  '',
  head,
  '',
  ...text
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : `    ${line}`)),
];

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
