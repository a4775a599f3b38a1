import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { validate } from '../../cli/commands/validate.js';
import type { CheckedFile } from '../../cli/commands/validate.js';
import { githubLines } from '../../cli/github-annotations.js';
import { sarifLog } from '../../cli/sarif.js';
import { codeTexts } from '../../schemas/generated/codes.js';

const good = 'pawl: 1\nname: demo\nsteps:\n  nap: { uses: test.sleep, with: { steps: 1 } }\n';
const files: Record<string, string | Buffer> = {
  'good.yaml': good,
  'bad.yaml': good.replace('test.sleep', 'test.slep'),
  'warned.yaml': `${good}schedule: { cron: "0 2 * * *", timezone: UTC }\n`,
  'good.test.yaml': 'pipeline: ./good.yaml\ncases:\n  ends: { expect: { state: succeeded } }\n',
  'bad.test.yaml': 'pipeline: ./good.yaml\ncasses:\n  ends: {}\n',
  'latin-1.yaml': Buffer.from(`${good}# na\xefve\n`, 'latin1'),
  'no-default.yaml': good
    .replace('steps:\n', 'params: { n: { type: integer } }\nsteps:\n')
    .replace('steps: 1', 'steps: "${{ params.n }}"'),
};

let folder = '';
const before = process.cwd();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pawl-validate-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});

async function run(
  paths: string[],
  options: { strict?: true; format?: string; json?: true } = {},
): Promise<{ code: number; lines: string[] }> {
  let stdout = '';
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  try {
    const code = await validate(paths, { format: 'text', version: '1.2.3', ...options });
    return { code, lines: stdout.trimEnd().split('\n') };
  } finally {
    spy.mockRestore();
  }
}

describe('pawl validate', () => {
  it('shows every file, whatever is wrong with the others', async () => {
    const { code, lines } = await run(['none.yaml', 'latin-1.yaml', '.', 'bad.yaml', 'good.yaml', 'no-default.yaml']);
    expect(code).toBe(2);
    expect(lines.filter((line) => /^\S+: (ok|\d errors?)$/.test(line))).toEqual([
      'none.yaml: 1 error',
      'latin-1.yaml: 1 error',
      '.: 1 error',
      'bad.yaml: 1 error',
      'good.yaml: ok',
      'no-default.yaml: ok',
    ]);
    expect(lines[0]).toBe(
      'none.yaml: there is no such file. Name a pipeline file, such as pipelines/quickstart.yaml. [file-not-found]',
    );
    expect(lines.join('\n')).toContain(
      'latin-1.yaml:5:5: the file is not UTF-8: the byte 0xEF, in Latin-1 ï, at offset 78 of the file [bad-encoding]',
    );
  });

  it('checks test files by their own rules, so that a folder can be validated as it is', async () => {
    const { code, lines } = await run(['good.yaml', 'good.test.yaml', 'bad.test.yaml']);
    expect(code).toBe(2);
    expect(lines.slice(0, 2)).toEqual(['good.yaml: ok', 'good.test.yaml: ok']);
    expect(lines.join('\n')).toContain('bad.test.yaml:2:1: ');
  });

  it('fails on a warning with --strict only', async () => {
    expect((await run(['warned.yaml'])).code).toBe(0);
    expect((await run(['warned.yaml', 'good.yaml'], { strict: true })).code).toBe(2);
    expect((await run(['good.yaml'], { strict: true })).code).toBe(0);
  });

  it('refuses a format that it does not know', async () => {
    await expect(run(['good.yaml'], { format: 'xml' })).rejects.toThrow(
      '--format is text, json, github or sarif, and got `xml`',
    );
    await expect(run(['good.yaml'], { format: 'toString' })).rejects.toThrow('and got `toString`');
  });

  it('writes lines of JSON as their schema says', async () => {
    const schema = JSON.parse(readFileSync(join(before, 'schemas/cli/validate-record.schema.json'), 'utf8')) as object;
    const isRecord = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
    const { code, lines } = await run(['none.yaml', 'bad.yaml', 'good.yaml', 'warned.yaml'], { format: 'json' });
    const records = lines.map((line) => JSON.parse(line) as { type: string; file?: string; ok: boolean });
    for (const record of records) expect(isRecord(record), JSON.stringify(isRecord.errors)).toBe(true);
    expect(records.map(({ type, file, ok }) => [type, file, ok])).toEqual([
      ['file', 'none.yaml', false],
      ['file', 'bad.yaml', false],
      ['file', 'good.yaml', true],
      ['file', 'warned.yaml', true],
      ['summary', undefined, false],
    ]);
    expect(records.at(-1)).toEqual({ type: 'summary', ok: false, files: 4, errors: 2, warnings: 1 });
    expect(code).toBe(2);
    expect(isRecord({ ...records[0], extra: 1 })).toBe(false);
    expect((await run(['good.yaml'], { json: true })).lines).toHaveLength(2);
  });

  it('documents its JSON with lines that the schema takes', () => {
    const schema = JSON.parse(readFileSync(join(before, 'schemas/cli/validate-record.schema.json'), 'utf8')) as object;
    const isRecord = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
    const page = readFileSync(join(before, 'docs/reference/cli-json.md'), 'utf8');
    const lines = page.split('\n').filter((line) => /^\{"type":"(file|summary)"/.test(line));
    expect(lines.length).toBeGreaterThanOrEqual(3);
    for (const line of lines) expect(isRecord(JSON.parse(line))).toBe(true);
  });
});

const at = { file: 'a b/ü,50%.yaml', line: 4, column: 7, endLine: 4, endColumn: 9 };
const odd: CheckedFile = {
  file: at.file,
  ok: false,
  diagnostics: [
    {
      ...{ code: 'cycle', severity: 'error', message: '100 %:\r\nno, really', at, hint: 'break it' },
      related: [{ message: 'here', at: { ...at, line: 9 } }],
    },
    { code: 'not-yet', severity: 'warning', message: 'later', at: { ...at, endLine: 6 }, related: [], hint: null },
    { code: 'file-not-found', severity: 'error', message: 'gone', at: { ...at, line: 0 }, related: [], hint: null },
  ],
  texts: new Map(),
};

it('annotations of GitHub are escaped, and columns are given within one line only', () => {
  const file = 'file=a b/ü%2C50%25.yaml';
  expect(githubLines([odd])).toEqual([
    `::error ${file},line=4,col=7,endColumn=8,title=pawl%3A cycle::100 %25:%0D%0Ano, really%0Aa b/ü,50%25.yaml:9:7: here%0Abreak it`,
    `::warning ${file},line=4,endLine=6,title=pawl%3A not-yet::later`,
    `::error ${file},title=pawl%3A file-not-found::gone`,
  ]);
});

describe('a SARIF log', () => {
  interface Log {
    version: string;
    runs: {
      tool: {
        driver: { name: string; semanticVersion: string; rules: { id: string; shortDescription: { text: string } }[] };
      };
      results: {
        ruleId: string;
        ruleIndex: number;
        level: string;
        message: { text: string };
        locations: unknown[];
        relatedLocations: unknown[];
      }[];
    }[];
  }
  const log = sarifLog([odd], '1.2.3') as unknown as Log;
  const [run1] = log.runs;

  it('has one run of pawl with every code as a rule', () => {
    expect([log.version, log.runs.length]).toEqual(['2.1.0', 1]);
    expect(run1?.tool.driver).toMatchObject({ name: 'pawl', semanticVersion: '1.2.3' });
    expect(run1?.tool.driver.rules.map(({ id }) => id)).toEqual(codeTexts.map(({ code }) => code));
  });

  it('has results that point to their rule, with regions and related places', () => {
    const uri = 'a%20b/%C3%BC%2C50%25.yaml';
    for (const { ruleId, ruleIndex } of run1?.results ?? [])
      expect(run1?.tool.driver.rules[ruleIndex]?.id).toBe(ruleId);
    expect(run1?.results.map(({ level, message }) => [level, message.text])).toEqual([
      ['error', '100 %:\r\nno, really\nbreak it'],
      ['warning', 'later'],
      ['error', 'gone'],
    ]);
    const place = (startLine: number, endLine: number) => ({
      artifactLocation: { uri },
      region: { startLine, startColumn: 7, endLine, endColumn: 9 },
    });
    expect(run1?.results[0]?.locations).toEqual([{ physicalLocation: place(4, 4) }]);
    expect(run1?.results[0]?.relatedLocations).toEqual([
      { id: 0, physicalLocation: place(9, 4), message: { text: 'here' } },
    ]);
    expect(run1?.results[2]?.locations).toEqual([{ physicalLocation: { artifactLocation: { uri } } }]);
  });
});
