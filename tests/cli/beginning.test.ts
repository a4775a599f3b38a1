// From nothing to a run: `pawl init`, step kinds of one's own, `pawl schema`.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLanguageServer } from '../editor/language-server.js';
import { ensureBuilt, repository } from '../local/built.js';
import { pawlRig, type PawlRig } from './pawl-rig.js';

const fixtures = join(repository, 'tests', 'fixtures', 'kinds');
const kinds = { PAWL_KINDS: [join(fixtures, 'shout.json'), join(fixtures, 'count.json')].join(delimiter) };
const shouting = `# yaml-language-server: $schema=./pipeline.schema.json
pawl: 1
name: shouting
steps:
  loud: { uses: acme.shout, with: { text: hear me, times: 2 } }
  heard: { uses: acme.count, with: { shout: "\${{ steps.loud.outputs.folder }}" } }
  gate: { gate: { assert: [ "\${{ steps.heard.metrics.letters == steps.loud.metrics.letters }}" ] } }
outputs: { text: "\${{ steps.loud.outputs.folder }}" }
metrics: { letters: "\${{ steps.heard.metrics.letters }}" }
`;

let rig: PawlRig;
beforeAll(async () => {
  await ensureBuilt();
  rig = await pawlRig();
  writeFileSync(join(rig.folder, 'shouting.yaml'), shouting);
}, 120_000);
afterAll(async () => rig.dispose(), 60_000);

describe('pawl init', () => {
  it('writes a pipeline and its schema, clean in the compiler and in an editor', async () => {
    expect(await rig.pawl(['init'])).toMatchObject({ code: 0, stderr: '' });
    expect(await rig.pawl(['validate', '--strict', 'first.yaml'])).toMatchObject({
      code: 0,
      stdout: 'first.yaml: ok\n',
    });
    const server = await startLanguageServer();
    const path = join(rig.folder, 'first.yaml');
    const text = readFileSync(path, 'utf8');
    expect(await server.diagnose(path, text)).toEqual([]);
    expect(await server.diagnose(path, text.replace('step_ms', 'step_sm'))).toHaveLength(1);
    await server.stop();
  });

  it('runs as it is', async () => {
    await rig.pawl(['init', 'trial']);
    const { code, stdout, stderr } = await rig.pawl(['run', 'trial.yaml', '--name', 'one']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/train +done +[\d.]+ s +3 iterations/);
    expect(stdout).toMatch(/value +2\.5/);
  });

  it('overwrites nothing', async () => {
    writeFileSync(join(rig.folder, 'mine.yaml'), 'mine');
    const { code, stderr } = await rig.pawl(['init', 'mine']);
    expect(code).toBe(2);
    expect(stderr).toBe(
      'pawl: mine.yaml is there already and stays as it is. Give another name: `npx pawl init NAME`.\n',
    );
    expect(readFileSync(join(rig.folder, 'mine.yaml'), 'utf8')).toBe('mine');
  });

  it('goes into a folder that is there, and says what is wrong with a name', async () => {
    mkdirSync(join(rig.folder, 'sub'));
    expect((await rig.pawl(['init', 'sub/nested.yaml'])).code).toBe(0);
    expect((await rig.pawl(['validate', 'sub/nested.yaml'])).code).toBe(0);
    expect((await rig.pawl(['init', 'nowhere/x'])).stderr).toBe(
      'pawl: The folder nowhere does not exist. Make it first.\n',
    );
    expect((await rig.pawl(['init', 'My_Run'])).stderr).toContain('`My_Run` cannot be the name of a pipeline');
  });
});

describe('a step kind of one’s own', () => {
  it('is unknown until the configuration names it, and then checked like any', async () => {
    expect((await rig.pawl(['validate', 'shouting.yaml'])).stdout).toContain('there is no step kind `acme.shout`');
    expect(await rig.pawl(['validate', 'shouting.yaml'], kinds)).toMatchObject({ code: 0, stderr: '' });
    writeFileSync(join(rig.folder, 'wrong.yaml'), shouting.replace('times: 2', 'tmes: 2'));
    expect((await rig.pawl(['validate', 'wrong.yaml'], kinds)).stdout).toContain('did you mean `times`?');
  });

  it('is in the schema that editors read', async () => {
    const { stdout } = await rig.pawl(['schema'], kinds);
    const folder = join(rig.folder, 'editor');
    mkdirSync(folder);
    writeFileSync(join(folder, 'pipeline.schema.json'), stdout);
    const path = join(folder, 'shouting.yaml');
    const server = await startLanguageServer();
    expect(await server.diagnose(path, shouting)).toEqual([]);
    const found = await server.complete(path, shouting.replace('times: 2 }', 'ti| }'));
    expect(found.get('times')?.documentation).toMatchObject({ value: 'How often.\n\ninteger, ≥ 1, default `1`' });
    await server.stop();
  });

  it('runs, in JavaScript on the worker and in Python on the trainer', async () => {
    const { code, stdout, stderr } = await rig.pawl(['run', 'shouting.yaml', '--name', 'one'], kinds);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/heard +done +[\d.]+ s +letters 12/);
    const folder = /Outputs\n {2}text {2}(\/.+)/.exec(stdout)?.[1] ?? '';
    expect(readFileSync(join(folder, 'shout.txt'), 'utf8')).toBe('HEAR ME HEAR ME');
  });
});

describe('pawl schema', () => {
  it('prints what is published, and the shape of a declaration', async () => {
    const published = readFileSync(join(repository, 'schemas', 'pipeline.schema.json'), 'utf8');
    expect((await rig.pawl(['schema'])).stdout).toBe(published);
    const { stdout } = await rig.pawl(['schema', 'step-kind']);
    expect(JSON.parse(stdout)).toMatchObject({ title: 'StepKind' });
    expect(await rig.pawl(['schema', 'step'])).toMatchObject({
      code: 2,
      stderr: 'pawl: There is no schema `step`; there are pipeline, step-kind, plan.\n',
    });
  });
});
